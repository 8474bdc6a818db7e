from __future__ import annotations

from pathlib import Path

import pytest
from helpers.runs import Make, hashes
from training.killing import train_killed

STAGES = [
    {"stage": "autoencoder"},
    {"stage": "text_autoencoder"},
    {"stage": "alignment", "pair": ["text", "xray"]},
    {"stage": "flow", "modality": "xray"},
    {"stage": "flow", "modality": "text"},
    {"stage": "round", "pair": ["text", "xray"]},
]


@pytest.mark.slow
def test_killed_ten_times_anywhere_a_run_ends_with_the_same_bits(recipe: Make, tmp_path: Path) -> None:
    assert train_killed(recipe(STAGES, fields=["xray"], masks=[]), tmp_path, kills=10, apart=5) >= 8
    assert hashes(tmp_path / "killed/model") == hashes(tmp_path / "whole/model")
