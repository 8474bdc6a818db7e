from __future__ import annotations

from pathlib import Path

import pytest
from helpers.runs import Make, hashes
from training.killing import train_killed


@pytest.mark.slow
def test_killed_anywhere_a_run_ends_with_the_same_bits(recipe: Make, tmp_path: Path) -> None:
    assert train_killed(recipe(), tmp_path, kills=6, apart=4) >= 5
    assert hashes(tmp_path / "killed/model") == hashes(tmp_path / "whole/model")
