"""One run a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from training.toy import run

from synthmed.errors import UserError
from synthmed.training.lock import locked


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    def again(step: int, losses: object) -> None:
        with locked(tmp_path, patience=0):
            pass

    with pytest.raises(UserError, match="another run is training here"):
        run(tmp_path, on_step=again)
    assert run(tmp_path).finished


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write there"):
        run(tmp_path / "file" / "run")
