"""Reading through records against a hand-written MONAI script, on the same files.

    python benchmarks/data/throughput.py --data SHARED_DATA [--part xray_pneumonia_large] [--runs 5]

Both fill a CacheDataset (every file decoded once) and read it through a DataLoader in batches of 32. They alternate;
the ratio is the hand-written script's seconds over ours, run by run. Exits 1 when the median is under 0.95.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import CacheDataset, DataLoader, PILReader
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, ScaleIntensityRanged

from synthmed.data.loading import LoadRecord
from synthmed.data.record import Record
from synthmed.data.sources.shared import SharedData


def by_hand(folder: Path, colour: bool) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    return [{"image": str(folder / row["image"]), "id": row["id"]} for row in rows]


def seconds(data: list[Any], transform: Any) -> tuple[float, int]:
    began = time.perf_counter()
    cached = CacheDataset(data, transform, num_workers=2, progress=False)
    batches = sum(1 for _ in DataLoader(cached, batch_size=32, num_workers=0))
    return time.perf_counter() - began, batches


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", default="xray_pneumonia_large", choices=["xray_pneumonia_large", "mri_lgg"])
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    colour = arguments.part == "mri_lgg"
    rows = by_hand(arguments.data / arguments.part, colour)
    hand = Compose(
        [
            LoadImaged("image", reader=PILReader(reverse_indexing=False)),
            EnsureChannelFirstd("image", channel_dim=-1 if colour else "no_channel"),
            ScaleIntensityRanged("image", 0, 255, 0, 1),
        ]
    )
    records = [row for row in SharedData(part=arguments.part).records(arguments.data) if isinstance(row, Record)]
    records = [record for record in records if record.split == "train"]
    if colour:
        records = [record for record in records if len(record.images) == 3]
        kept = {record.id for record in records}
        rows = [row for row in rows if row["id"] in kept]
    assert len(rows) == len(records)
    ratios = []
    for run in range(arguments.runs + 1):
        theirs, ours = seconds(rows, hand), seconds(records, LoadRecord())
        assert theirs[1] == ours[1]
        if run:  # the first warms the file cache
            ratios.append(theirs[0] / ours[0])
            print(f"run {run}: by hand {theirs[0]:.2f} s, records {ours[0]:.2f} s, ratio {ratios[-1]:.2f}")
    low, high = np.min(ratios), np.max(ratios)
    print(f"{arguments.part}, n = {len(rows)}: median ratio {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})")
    return int(statistics.median(ratios) < 0.95)


if __name__ == "__main__":
    sys.exit(main())
