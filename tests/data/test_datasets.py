from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.shared import ROOT, real
from monai.data import CacheDataset, DataLoader, MetaTensor, PersistentDataset, ThreadDataLoader
from monai.transforms import Compose, Flipd, Resized
from PIL import Image

from synthmed.data.assemble import assemble
from synthmed.data.datasets import RecordDataset
from synthmed.data.loading import LoadRecord
from synthmed.data.spec import DataSpec
from synthmed.data.transforms.windows import HU_WINDOWS
from synthmed.errors import UserError
from synthmed.generation.engine import generate_dataset
from synthmed.modality import MODALITIES
from synthmed.phantom import Phantom
from synthmed.registry import resolve

FLIP = {
    "_target_": "monai.transforms.Flipd",
    "keys": ["xray", "xray.mask"],
    "spatial_axis": 1,
    "allow_missing_keys": True,
}
NOISE = {"_target_": "monai.transforms.RandGaussianNoised", "keys": "xray", "prob": 1.0, "std": 0.1}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for place in range(9):
        image = f"{place}.png"
        Image.fromarray(rng.integers(0, 256, (10, 6), np.uint8)).save(tmp_path / image)
        Image.fromarray((rng.random((10, 6)) > 0.5).astype(np.uint8) * 255).save(tmp_path / f"m{image}")
        split = "train" if place < 6 else "test"
        box = {"label": "spot", "x": 1, "y": 2, "w": 3, "h": 4}
        rows.append(
            {"image": image, "mask": f"m{image}", "split": split, "label": "ab"[place % 2], "boxes": [box]}
            | {"text": f"film {place}"}
        )
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return tmp_path


def spec(root: Path, *steps: dict[str, Any], **section: Any) -> DataSpec:
    columns = {name: name for name in ("image", "mask", "split", "boxes", "text")} | {"labels": "label"}
    part = {"source": "table", "options": {"file": "rows.jsonl", **columns}, "pipeline": "mine"}
    return DataSpec.model_validate({"root": root, "parts": [part], "pipelines": {"mine": list(steps)}, **section})


def dataset(section: DataSpec, split: str = "train") -> RecordDataset:
    return RecordDataset(section, assemble(section), split)


def test_a_recipes_own_transform_changes_the_batch(root: Path) -> None:
    """Against the same transform applied by hand; a batch of it comes through MONAI's loader."""
    plain, flipped = dataset(spec(root)), dataset(spec(root, FLIP))
    assert len(plain) == len(flipped) == 6
    batch = next(iter(DataLoader(flipped, batch_size=6, num_workers=0)))
    for place in range(6):
        by_hand = Flipd(["xray", "xray.mask"], spatial_axis=1)(
            {key: plain[place][key] for key in ("xray", "xray.mask")}
        )
        assert not torch.equal(plain[place]["xray"], flipped[place]["xray"])
        for key in ("xray", "xray.mask"):
            assert torch.equal(batch[key][place].as_tensor(), by_hand[key].as_tensor())
    assert batch["labels"].tolist() == [[1, 0], [0, 1]] * 3
    assert batch["report"] == [f"film {place}" for place in range(6)]


def test_boxes_stand_in_the_item(root: Path) -> None:
    item = dataset(spec(root, box_image="xray"))[0]
    assert item["box"].tolist() == [[2, 1, 6, 4]]
    assert item["label"].tolist() == [0]
    assert "box" not in dataset(spec(root))[0]


@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_every_cache_gives_the_same_items_and_random_transforms_stay_random(
    root: Path, tmp_path: Path, cache: str
) -> None:
    section = {"cache": cache, "cache_folder": tmp_path / "cache"}
    fixed = dataset(spec(root, FLIP, **section))
    reference = dataset(spec(root, FLIP, cache="none"))
    for _ in range(2):
        for place in range(6):
            assert torch.equal(torch.as_tensor(fixed[place]["xray"]), reference[place]["xray"].as_tensor())
    noisy = dataset(spec(root, FLIP, NOISE, **section))
    noisy.transform.set_random_state(5)
    first, second = noisy[0]["xray"], noisy[0]["xray"]
    assert not torch.equal(first, second)
    noisy.transform.set_random_state(5)
    assert torch.equal(noisy[0]["xray"], first)


def test_the_disk_cache_reads_no_file_twice(root: Path, tmp_path: Path) -> None:
    section = spec(root, FLIP, cache="disk", cache_folder=tmp_path / "cache")
    found = assemble(section)
    before = [RecordDataset(section, found, "train")[place]["xray"] for place in range(6)]
    for path in root.glob("*.png"):
        path.write_bytes(b"gone")
    after = [RecordDataset(section, found, "train")[place]["xray"] for place in range(6)]
    assert all(
        torch.equal(torch.as_tensor(one), torch.as_tensor(other)) for one, other in zip(before, after, strict=True)
    )


def test_records_go_through_monais_own_datasets_and_loaders(root: Path, tmp_path: Path) -> None:
    records = [row.record for row in assemble(spec(root)).splits["train"]]
    compose = Compose([LoadRecord(("a", "b")), Resized("xray", (8, 8))])
    reference = [compose(record)["xray"] for record in records]
    for data in (
        CacheDataset(records, compose, progress=False),
        PersistentDataset(records, compose, tmp_path / "disk"),
    ):
        for loader in (DataLoader(data, batch_size=3), ThreadDataLoader(data, batch_size=3)):
            images = torch.cat([torch.as_tensor(batch["xray"]) for batch in loader])
            assert torch.equal(images, torch.stack([image.as_tensor() for image in reference]))


def test_parts_have_their_own_pipelines_and_indices_run_through(root: Path) -> None:
    section = spec(root, FLIP)
    resize = {"_target_": "monai.transforms.Resized", "keys": "xray", "spatial_size": [4, 4]}
    second = section.parts[0].model_copy(update={"pipeline": "small"})
    both = section.model_copy(
        update={
            "parts": (section.parts[0], second),
            "pipelines": {"mine": [FLIP], "small": [resize]},
            "allow_leak": True,
        }
    )
    items = dataset(both)
    assert len(items) == 12
    assert [tuple(items[place]["xray"].shape) for place in (0, 5, 6, 11, -1)] == [(1, 10, 6)] * 2 + [(1, 4, 4)] * 3
    with pytest.raises(IndexError):
        items[12]


def test_a_part_without_a_pipeline_gets_its_modalitys_default(root: Path) -> None:
    section = spec(root)
    bare = section.model_copy(update={"parts": (section.parts[0].model_copy(update={"pipeline": ""}),), "size": 16})
    item = dataset(bare)[0]
    assert isinstance(item["xray"], MetaTensor)
    assert item["xray"].shape == item["xray.mask"].shape == (1, 16, 16)
    assert set(np.unique(item["xray.mask"].numpy())) <= {0, 1}


def test_each_modality_of_a_row_gets_its_own_default(tmp_path: Path) -> None:
    """A study of the phantom: the window is CT's alone, and all come out at one size."""
    names = ["xray", "ct", "mri", "mri.t2", "mri.mask"]
    generate_dataset(Phantom((48, 40)), tmp_path / "set", 2, to=names, workers=0)
    section = DataSpec.model_validate(
        {"root": tmp_path / "set", "size": 32, "parts": [{"source": "shards", "split": "train"}]}
    )
    found = assemble(section)
    item = dataset(section)[0]
    record = found.splits["train"][0].record
    raw = LoadRecord(mask_names=found.mask_names)(record)
    for key in ("xray", "ct", "mri", "mri.t2"):
        alone = resolve(MODALITIES.get(key.split(".")[0]).transforms)([key], 32)  # type: ignore[operator]
        torch.testing.assert_close(item[key].as_tensor(), alone({key: raw[key]})[key].as_tensor())
    assert item["mri.mask"].shape == (1, 32, 32)
    assert item["ct"].meta["window"] == HU_WINDOWS["mediastinum"]


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_the_users_mistake_comes_out_of_monais_wrapping(root: Path, cache: str) -> None:
    section = spec(root, cache=cache)
    found = assemble(section)
    (root / "3.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"3\.png"):
        RecordDataset(section, found, "train")[3]
    with pytest.raises(UserError, match="no split 'val'; they have: train, test"):
        RecordDataset(section, found, "val")


@real
@pytest.mark.parametrize("part", ["xray_nih256", "mri_lgg", "colour_bccd", "ct_organs"])
def test_real_rows_come_out_at_one_size(part: str) -> None:
    section = DataSpec.model_validate(
        {
            "root": ROOT,
            "size": 32,
            "parts": [{"source": "shared", "options": {"part": part}, "limit": 5}],
            "cache": "none",
        }
    )
    items = dataset(section)
    for place in range(len(items)):
        images = {
            key: value for key, value in items[place].items() if isinstance(value, torch.Tensor) and value.ndim == 3
        }
        assert images
        for value in images.values():
            assert value.shape[1:] == (32, 32)
            assert float(value.min()) >= 0
            assert float(value.max()) <= (1 if value.dtype == torch.float32 else 255)
