"""A training of the command line, killed again and again, beside one that was left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml


def train_killed(recipe: dict[str, Any], folder: Path, kills: int, apart: int) -> int:
    """Train into ``folder/whole`` at once, and into ``folder/killed`` with so many kills, process group and all.

    Args:
        recipe: its stages get 8 steps each.
        apart: a kill falls so many steps after where the last one fell.

    Returns:
        How many kills found a living run.
    """
    recipe["training"] |= {"steps": 8, "checkpoint_every": 3}
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(recipe))
    assert _start(file, folder / "whole").wait(600) == 0
    killed = 0
    # Each time some more steps, so that every stage is cut, and some kills fall between two stages.
    for kill in range(kills):
        process = _start(file, folder / "killed")
        wanted, end = apart * kill + 2, time.monotonic() + 300
        while process.poll() is None and _steps(folder / "killed") < wanted and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.05 * (kill % 3))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert _start(file, folder / "killed").wait(600) == 0
    return killed


def _start(recipe: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "synthmed", "train", str(recipe), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)


def _steps(out: Path) -> int:
    """Lines of all logs: grows with every step."""
    return sum(len(path.read_text().splitlines()) for path in out.glob("stages/*/log.jsonl"))
