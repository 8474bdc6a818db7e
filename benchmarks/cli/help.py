"""Seconds of ``synthmed --help``: the median of ten runs, which is to stay under one second.

python benchmarks/cli/help.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def main() -> int:
    seconds = []
    for _ in range(11):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "synthmed", "--help"], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    warm = seconds[1:]
    print(
        f"synthmed --help: median {statistics.median(warm):.2f} s of {len(warm)} ({min(warm):.2f} to {max(warm):.2f})"
    )
    return int(statistics.median(warm) >= 1)


if __name__ == "__main__":
    sys.exit(main())
