"""Patients a second on one thread, all images at 128 x 128 with noise, masks, boxes and report.

    OMP_NUM_THREADS=1 python benchmarks/phantom/speed.py [--patients 1000]

Prints the rate by wall clock and by processor time (which other jobs on the machine disturb less), with the spread over
batches. Encoding to PNG is not included.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from synthmed.phantom import Phantom
from synthmed.protocols import Request


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=1000)
    arguments = parser.parse_args()
    phantom = Phantom()
    request, batch = Request(phantom.default_to), phantom.batch_size
    phantom.render([request], [0])
    wall, processor = [], []
    for start in range(0, arguments.patients, batch):
        seeds = range(start, min(start + batch, arguments.patients))
        before = time.perf_counter(), time.process_time()
        phantom.render([request] * len(seeds), seeds)
        wall.append(len(seeds) / (time.perf_counter() - before[0]))
        processor.append(len(seeds) / (time.process_time() - before[1]))
    for name, rates in (("wall clock", wall), ("processor time", processor)):
        low, middle, high = np.percentile(rates, (5, 50, 95))
        print(f"{name}: {middle:.0f} patients/s (5 % {low:.0f}, 95 % {high:.0f}; n = {arguments.patients})")


if __name__ == "__main__":
    main()
