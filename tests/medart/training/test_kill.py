from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from helpers.runs import Make, hashes


def _start(recipe: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "synthmed", "train", str(recipe), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)


def _steps(out: Path) -> int:
    """Lines of all logs: grows with every step."""
    return sum(len(path.read_text().splitlines()) for path in out.glob("stages/*/log.jsonl"))


@pytest.mark.slow
def test_killed_anywhere_a_run_ends_with_the_same_bits(recipe: Make, tmp_path: Path) -> None:
    data = recipe()
    data["training"] |= {"steps": 8, "checkpoint_every": 3}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(data))
    assert _start(file, tmp_path / "whole").wait(600) == 0
    killed = 0
    # Each time some more steps, so that every stage is cut, and some kills fall between two stages.
    for kill in range(6):
        process = _start(file, tmp_path / "killed")
        wanted, end = 4 * kill + 2, time.monotonic() + 300
        while process.poll() is None and _steps(tmp_path / "killed") < wanted and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.05 * (kill % 3))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed >= 5
    assert _start(file, tmp_path / "killed").wait(600) == 0
    assert hashes(tmp_path / "killed/model") == hashes(tmp_path / "whole/model")
