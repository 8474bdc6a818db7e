"""Kill a run of the command line, process group and all, at chosen moments of its life."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

COMMAND = [sys.executable, "-m", "synthmed", "generate", "--quiet"]


def run(arguments: Sequence[str], folder: Path) -> None:
    """Run to the end."""
    subprocess.run([*COMMAND, *arguments, "--out", str(folder)], check=True, timeout=600)


def life(arguments: Sequence[str], folder: Path) -> float:
    """Run to the end; gives the seconds between the first and the last commit."""
    run(arguments, folder)
    commits = sorted(path.stat().st_mtime for path in folder.glob("*.stats.json"))
    return commits[-1] - commits[0]


def killed_at(arguments: Sequence[str], folder: Path, seconds: float) -> bool:
    """Start the run, kill it so long after its first commit; gives whether it left an uncommitted temporary file."""
    process = subprocess.Popen([*COMMAND, *arguments, "--out", str(folder)], start_new_session=True)
    end = time.monotonic() + 120
    while not list(folder.glob("*.stats.json")) and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return bool(list(folder.glob(".*.tmp")))
