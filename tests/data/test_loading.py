from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader
from monai.transforms import Compose, RandFlipd, Resized
from PIL import Image

from synthmed import SyntheticDataset, mix
from synthmed.data.loading import LoadRecord, in_range
from synthmed.data.pixels import Pixels
from synthmed.data.record import FileRef, MaskRef, Record
from synthmed.errors import UserError
from synthmed.sample import Box


def save(path: Path, array: np.ndarray) -> FileRef:
    Image.fromarray(array).save(path)
    return FileRef(path)


@pytest.fixture
def levels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)


def test_pixels_come_in_their_modalitys_range(tmp_path: Path, levels: np.ndarray) -> None:
    deep = levels[..., 0].astype(np.uint16) * 257
    record = Record(
        "a",
        {"xray": save(tmp_path / "x.png", deep), "photo": save(tmp_path / "p.png", levels)},
        spacing={"xray": (0.5, 0.25)},
        text="clear",
    )
    item = LoadRecord()(record)
    assert item.keys() == {"key", "xray", "photo", "report"}
    np.testing.assert_allclose(item["xray"], levels[None, ..., 0] / 255, atol=1e-6)
    np.testing.assert_allclose(item["photo"], levels.transpose(2, 0, 1) / 255, atol=1e-6)
    assert item["xray"].affine.diagonal().tolist() == [0.5, 0.25, 1, 1]


def test_channels_of_one_file_are_images_of_their_own(tmp_path: Path, levels: np.ndarray) -> None:
    file = save(tmp_path / "p.png", levels)
    names = ("mri", "mri.flair", "mri.t1c")
    record = Record("a", {name: FileRef(file.path, channel=channel) for channel, name in enumerate(names)})
    item = LoadRecord()(record)
    for channel, name in enumerate(names):
        np.testing.assert_allclose(item[name], levels[None, ..., channel] / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("pixels", "window", "expected"),
    [
        (Pixels(np.array([[[-3000.0, 50.0, 9000.0]]], np.float32), 0, "HU"), None, [-1024, 50, 3071]),
        (Pixels(np.array([[[-3000.0, 50.0, 9000.0]]], np.float32), 0, "scanner"), None, [-1024, 50, 3071]),
        (Pixels(np.array([[[0, 1074, 4095]]], np.uint16), 16, "1"), None, [-1024, 50, 3071]),
        (Pixels(np.array([[[0, 51, 255]]], np.uint8), 8, "1"), (-200, 300), [0, 0.2, 1]),
        (Pixels(np.array([[[-500.0, 50.0, 300.0]]], np.float32), 0, "HU"), (-200, 300), [0, 0.5, 1]),
    ],
)
def test_ct_is_hounsfield_units_or_its_window(pixels: Pixels, window: Any, expected: list[float]) -> None:
    np.testing.assert_allclose(in_range(pixels, "ct", window)[0, 0], expected, atol=1e-6)


def test_ct_that_lost_its_units_is_refused() -> None:
    with pytest.raises(UserError, match=r"a\.png: 8-bit CT has lost its HU"):
        in_range(Pixels(np.zeros((1, 2, 2), np.uint8), 8, "1"), "ct", None, "a.png")


def test_masks_of_every_kind_become_one_label_map(tmp_path: Path) -> None:
    image = save(tmp_path / "x.png", np.zeros((4, 6), np.uint8))
    values = np.zeros((4, 6), np.uint8)
    values[1, 2], values[3, 5] = 7, 9
    upper, lower = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    upper[0], lower[3] = 255, 255
    load = LoadRecord(mask_names=["liver", "lung"])
    masks = {
        "by value": MaskRef((save(tmp_path / "v.png", values),), {7: "lung", 9: "liver"}),
        "by file": MaskRef((save(tmp_path / "u.png", upper), save(tmp_path / "l.png", lower)), {1: "lung", 2: "liver"}),
        "by runs": MaskRef(rle=("4 2", "20 1"), names={1: "lung"}),
    }
    found = {
        how: load(Record("a", {"xray": image}, masks={"xray": mask}))["xray.mask"][0] for how, mask in masks.items()
    }
    assert found["by value"].sum() == 3
    assert (found["by value"][1, 2], found["by value"][3, 5]) == (2, 1)
    assert found["by file"][0].tolist() == [2] * 6
    assert found["by file"][3].tolist() == [1] * 6
    # SIIM's runs go down the columns, each start counted from the last run's end.
    assert np.flatnonzero(found["by runs"].numpy().T).tolist()[:2] == [4, 5]
    with pytest.raises(UserError, match="mask 'lung' is not among liver"):
        LoadRecord(mask_names=["liver"])(Record("a", {"xray": image}, masks={"xray": masks["by runs"]}))


def test_records_go_through_monais_cache_and_mix_with_synthetic_samples(tmp_path: Path) -> None:
    synthetic = SyntheticDataset("phantom", 3, to=["xray"])
    names = synthetic.label_names
    rng = np.random.default_rng(0)
    records = [
        Record(
            str(i), {"xray": save(tmp_path / f"{i}.png", rng.integers(0, 256, (90, 70), np.uint8))}, labels=("mass",)
        )
        for i in range(4)
    ]
    transform = Compose([LoadRecord(labels=names), Resized("xray", (128, 128)), RandFlipd("xray", 0.5)])
    real = CacheDataset(records, transform, progress=False)
    both = mix(real, synthetic, ratio=0.5, keys=["xray", "labels"])
    (batch,) = DataLoader(both, batch_size=6)
    assert batch["xray"].shape == (6, 1, 128, 128)
    assert batch["labels"][:4, names.index("mass")].tolist() == [1] * 4


def test_a_label_outside_the_vocabulary_is_refused(tmp_path: Path) -> None:
    record = Record("a", {"xray": save(tmp_path / "x.png", np.eye(4, dtype=np.uint8))}, labels=("gout",))
    with pytest.raises(UserError, match="a: label 'gout' is not among mass"):
        LoadRecord(labels=["mass"])(record)


def test_boxes_windows_and_the_affine_at_loading_go_into_the_item(tmp_path: Path, levels: np.ndarray) -> None:
    boxes = (Box("ct", "nodule", 1, 2, 3, 4), Box("xray", "mass", 0, 0, 1, 1))
    ref = save(tmp_path / "a.png", levels[..., 0])
    record = Record("a", {"ct": ref}, boxes=boxes, window={"ct": (-1000, 400)}, spacing={"ct": (0.5, 2)})
    item = LoadRecord(box_image="ct", box_names=("mass", "nodule"))(record)
    assert item["box"].tolist() == [[2, 1, 6, 4]]
    assert item["label"].tolist() == [1]
    assert item["ct"].meta["window"] == (-1000, 400)
    assert torch.equal(item["ct"].meta["original_affine"], item["ct"].affine)
    assert item["ct"].affine.diag().tolist() == [0.5, 2, 1, 1]
    none = LoadRecord(box_image="mri", box_names=())(record)
    assert none["box"].shape == (0, 4)
    with pytest.raises(UserError, match="box 'nodule' is not among mass"):
        LoadRecord(box_image="ct", box_names=("mass",))(record)


def test_a_mask_of_one_name_may_be_any_white(tmp_path: Path, levels: np.ndarray) -> None:
    """shared/data, ISIC and many others store regions as 0 and 255; a label map's other values stay apart."""
    white = (levels[..., 0] > 99).astype(np.uint8)
    image = save(tmp_path / "x.png", levels[..., 0])
    for value in (1, 255):
        mask = MaskRef((save(tmp_path / f"m{value}.png", white * value),), {1: "lung"})
        item = LoadRecord(mask_names=("heart", "lung"))(Record("a", {"xray": image}, masks={"xray": mask}))
        np.testing.assert_array_equal(item["xray.mask"].numpy()[0], white * 2)
    labels = MaskRef((save(tmp_path / "l.png", white * 3 + 1),), {4: "lung"})
    item = LoadRecord(mask_names=("lung",))(Record("a", {"xray": image}, masks={"xray": labels}))
    np.testing.assert_array_equal(item["xray.mask"].numpy()[0], white)
