"""Shards in the hands of tools that know nothing of synthmed: every value is the Sample's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.samples import fixed_dataset, write_dataset

from synthmed import Sample, SyntheticDataset
from synthmed.generation.dataset_json import read_dataset_json
from synthmed.generation.engine import generate_dataset
from synthmed.sample import NO_FINDING

PLAIN = """
import glob, io, json, sys
import numpy as np, webdataset as wds
from PIL import Image
folder, out = sys.argv[1:]
fields = json.load(open(f"{folder}/dataset.json"))["fields"]["images"]
arrays, records = {}, []
for sample in wds.WebDataset(sorted(glob.glob(f"{folder}/*.tar")), shardshuffle=False):
    records.append({"report": sample["report.txt"].decode(), "json": json.loads(sample["json"])})
    for name, field in fields.items():
        levels = np.asarray(Image.open(io.BytesIO(sample[f"{name}.png"])))
        assert levels.dtype.itemsize * 8 == field["bits"]
        arrays[f"{sample['__key__']}.{name}"] = (levels * field["slope"] + field["intercept"]).astype(np.float32)
        if field["mask"]:
            arrays[f"{sample['__key__']}.{name}.mask"] = np.asarray(Image.open(io.BytesIO(sample[f"{name}.mask.png"])))
assert not any(module.startswith("synthmed") for module in sys.modules)
np.savez(out + ".npz", **arrays)
json.dump(records, open(out + ".json", "w"))
"""


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantom samples, of which the first ten have no finding and no box."""
    rows = [{"labels": [NO_FINDING]}] * 10 + [{"labels": ["nodule"]}, {"labels": ["pleural effusion", "mass"]}] * 5
    folder = tmp_path_factory.mktemp("foreign") / "set"
    generate_dataset("phantom", folder, 20, given=rows, shard_size=8, workers=0)
    samples = SyntheticDataset.from_shards(folder)
    assert all(not samples.sample(i).boxes and samples.sample(i).labels == [NO_FINDING] for i in range(10))
    assert sum(bool(samples.sample(i).boxes) for i in range(10, 20)) >= 5
    return folder


def record_of(sample: Sample) -> dict[str, Any]:
    """What the record must say, put together without the codec; boxes taken out of their string."""
    origin = sample.provenance
    record = {
        "key": sample.key,
        "index": origin.index,
        "seed": origin.seed,
        "attempt": origin.attempt,
        "model": origin.model,
        "model_fingerprint": origin.model_fingerprint,
        "sampler": origin.sampler,
        "pairing": origin.pairing,
        "prompt": sample.prompt,
        "synthetic": True,
        "labels": list(sample.labels),
        "labels_by_image": {name: list(labels) for name, labels in sample.labels_by_image.items()},
        "spacing": {name: list(mm) for name, mm in sample.spacing.items()},
        "boxes": [
            {"image": b.image, "category": b.category, "bbox": [b.x, b.y, b.width, b.height]} for b in sample.boxes
        ],
        "quality": {"accepted": sample.quality.accepted, "problems": sample.quality.problems},
    }
    return {**record, "attributes": dict(sample.attributes)} if sample.attributes else record


def assert_record(record: dict[str, Any], sample: Sample) -> None:
    assert {**record, "boxes": json.loads(record["boxes"])} == record_of(sample)


def check_with_plain_webdataset(folder: Path, rendered: SyntheticDataset, out: Path) -> None:
    command = [sys.executable, "-c", PLAIN, str(folder), str(out)]
    subprocess.run(command, check=True, timeout=120, cwd=out.parent, env={**os.environ, "PYTHONPATH": ""})
    records = json.loads(out.with_suffix(".json").read_text())
    arrays = np.load(out.with_suffix(".npz"))
    assert len(records) == len(rendered)
    names = set()
    for record, i in zip(records, range(len(rendered)), strict=True):
        sample = rendered.sample(i)
        assert record["report"] == sample.report
        assert_record(record["json"], sample)
        for stored, suffix in ((sample.images, ""), (sample.masks, ".mask")):
            for name, array in stored.items():
                names.add(f"{sample.key}.{name}{suffix}")
                read = arrays[f"{sample.key}.{name}{suffix}"]
                read = read[None] if read.ndim == 2 else read.transpose(2, 0, 1)
                assert read.dtype == array.dtype
                np.testing.assert_array_equal(read, array)
    assert names == set(arrays.files)


def test_webdataset_and_pillow_read_every_kind_of_field(tmp_path: Path) -> None:
    generator = fixed_dataset(10)
    write_dataset(generator, tmp_path / "set", shard_size=4)
    check_with_plain_webdataset(tmp_path / "set", SyntheticDataset(generator, 10, shard_size=4), tmp_path / "out")


def test_webdataset_and_pillow_read_the_phantom(tmp_path: Path) -> None:
    generate_dataset("phantom", tmp_path / "set", 40, seed=1, shard_size=25, workers=0)
    rendered = SyntheticDataset("phantom", 40, seed=1, shard_size=25)
    check_with_plain_webdataset(tmp_path / "set", rendered, tmp_path / "out")


@pytest.mark.parametrize("how", ["folder", "data_files"])
def test_hugging_face_datasets_reads_every_value(how: str, phantom: Path, tmp_path: Path) -> None:
    import datasets

    cache = str(tmp_path)
    if how == "folder":
        rows = datasets.load_dataset(str(phantom), split="train", cache_dir=cache)
    else:
        files = {"train": sorted(map(str, phantom.glob("*.tar")))}
        rows = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=cache)
    samples, layout = SyntheticDataset.from_shards(phantom), read_dataset_json(phantom).layout
    assert len(rows) == 20
    assert set(rows.column_names) == {"__key__", "__url__", *layout.members()}
    for i, row in enumerate(rows):
        sample = samples.sample(i)
        assert row["__key__"] == sample.key
        assert row["report.txt"] == sample.report
        assert_record(row["json"], sample)
        for name, image in sample.images.items():
            levels = np.asarray(row[f"{name}.png"])
            assert levels.dtype.itemsize * 8 == layout.images[name].bits
            np.testing.assert_array_equal(layout.images[name].dequantise(levels[None]), image)
        for name, mask in sample.masks.items():
            np.testing.assert_array_equal(np.asarray(row[f"{name}.mask.png"])[None], mask)
