"""Memory and overhead of the engine: n = 2,000 against n = 20,000, two workers.

    python benchmarks/generation/engine.py --out DIR

Memory is the highest sum of PSS over the process tree, sampled four times a second. Overhead is what the workers' time
does not spend rendering or encoding: without start-up it counts from the moment when both workers are ready to the last
commit. Prints one line of JSON a run, and the verdicts; exits 1 when one is missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

WORKERS = 2


def run(n: int, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "synthmed", "generate", "--n", str(n), "--workers", str(WORKERS)]
    with tempfile.TemporaryFile("w+") as log:
        began = time.time()
        process = subprocess.Popen([*command, "--out", str(folder), "--log-json"], stdout=log)
        peak = 0
        while process.poll() is None:
            peak = max(peak, tree_pss(process.pid))
            time.sleep(0.25)
        wall = time.time() - began
        if process.returncode:
            sys.exit(f"{command} exited with {process.returncode}")
        log.seek(0)
        events = [json.loads(line) for line in log]
    committed = [event for event in events if event["event"] == "committed"]
    ready = max(event["time"] for event in events if event["event"] == "ready")
    working = WORKERS * (committed[-1]["time"] - ready)
    useful = sum(event["seconds"]["render"] + event["seconds"]["encode"] for event in committed)
    return {
        "n": n,
        "workers": WORKERS,
        "peak_pss_mib": round(peak / 2**20, 1),
        "samples_per_second": round(n / (committed[-1]["time"] - ready), 1),
        "overhead": round(1 - useful / working, 4),
        "overhead_with_start_up": round(1 - useful / (WORKERS * wall), 4),
        "start_up_seconds": round(ready - began, 2),
        "mib": round(sum(event["tar"]["bytes"] for event in committed) / 2**20, 1),
    }


def tree_pss(pid: int) -> int:
    total = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="an empty folder; its two data sets are removed")
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--large", type=int, default=20000)
    arguments = parser.parse_args()
    results = []
    for n in (arguments.small, arguments.large):
        folder = arguments.out / f"engine-{n}"
        results.append(run(n, folder))
        shutil.rmtree(folder)
        print(json.dumps(results[-1]), flush=True)
    small, large = results
    memory = large["peak_pss_mib"] / small["peak_pss_mib"] - 1
    print(f"memory at n = {large['n']} against n = {small['n']}: {memory:+.1%} (at most +10 %)")
    print(f"overhead at n = {large['n']}: {large['overhead']:.1%} (at most 5 %)")
    return int(memory > 0.10 or large["overhead"] > 0.05)


if __name__ == "__main__":
    sys.exit(main())
