from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from PIL import Image

from synthmed.data.loading import LoadRecord
from synthmed.data.record import FileRef, MaskRef, Record
from synthmed.data.transforms.boxes import MoveBoxesd
from synthmed.data.transforms.defaults import ct, fit, mri, photo, xray
from synthmed.errors import UserError
from synthmed.modality import MODALITIES
from synthmed.registry import resolve
from synthmed.sample import Box

KEYS = ["xray", "mri", "photo"]


@pytest.mark.parametrize("name", ["xray", "ct", "mri", "photo", "us"])
def test_every_modality_names_a_pipeline(name: str, make: Any, picture: np.ndarray) -> None:
    """``us`` is a third party's, which names none."""
    modality = MODALITIES.get(name)
    pipeline: Any = resolve(modality.transforms)
    compose = pickle.loads(pickle.dumps(pipeline(name, 32)))
    values = np.repeat(picture, modality.channels, axis=0)
    mask = (picture > 0.6).astype(np.uint8) * 3
    if modality.unit == "HU":
        values = values * 350 - 125
    item = compose({name: make(values), f"{name}.mask": make(mask), "report": "x"})
    image, mask = item[name], item[f"{name}.mask"]
    assert isinstance(image, MetaTensor)
    assert isinstance(mask, MetaTensor)
    assert (image.shape, image.dtype) == ((modality.channels, 32, 32), torch.float32)
    assert (mask.shape, mask.dtype) == ((1, 32, 32), torch.uint8)
    assert set(mask.unique().tolist()) == {0, 3}
    assert float(image.min()) >= 0
    assert float(image.max()) <= 1
    # 40 x 56 becomes 23 x 32, so that 4 rows above and 5 below are padding.
    assert not image[:, :4].any()
    assert not image[:, -5:].any()
    assert image[:, 4:-5].any()
    # Where the picture is bright, the mask is; and both lie on the same millimetres.
    inside = image[0].as_tensor() / image.max() > 0.6
    assert (inside == (mask[0].as_tensor() > 0)).float().mean() > 0.97
    torch.testing.assert_close(image.affine, mask.affine)
    assert float(image.affine[0, 0]) == pytest.approx(2.0 * 40 / 23)
    assert item["report"] == "x"


def test_ct_in_a_window_and_in_hounsfield_units(make: Any, picture: np.ndarray) -> None:
    hounsfield = make(picture * 2000 - 1000)
    windowed = ct("ct", 56, window=[0, 500])({"ct": hounsfield})["ct"]
    np.testing.assert_allclose(
        windowed[0, 8:-8].numpy(), np.clip((picture[0] * 2000 - 1000) / 500, 0, 1), rtol=0, atol=1e-3
    )
    assert windowed.meta["window"] == (0, 500)
    assert float(ct("ct", 56, window="none")({"ct": hounsfield})["ct"].min()) == -1024
    with pytest.raises(UserError, match="CT window"):
        ct("ct", 56, window="lungs")


def test_mri_by_percentiles(make: Any) -> None:
    values = np.random.default_rng(0).random((1, 40, 40), np.float32)
    values[0, 0, 0] = 900  # one wild pixel does not set the scale
    image = mri("mri", 40)({"mri": make(values)})["mri"]
    low, high = np.percentile(values, (0.5, 99.5))
    np.testing.assert_allclose(image.numpy(), np.clip((values - low) / (high - low), 0, 1), rtol=0, atol=1e-3)


def test_a_fine_pattern_is_averaged_not_sampled(make: Any) -> None:
    pattern = (np.indices((64, 64)).sum(0) % 2).astype(np.float32)[None]
    image = xray("xray", 16)({"xray": make(pattern)})["xray"]
    assert float((image[:, 2:-2, 2:-2] - 0.5).abs().max()) < 0.05


def test_tall_images_small_images_and_items_that_lack_some(make: Any, picture: np.ndarray) -> None:
    item = {"photo": make(picture.transpose(0, 2, 1)), "mri": make(picture[:, :3, :2])}
    made = photo(["photo", "photo.late"], 64)(item)
    assert made["photo"].shape == (1, 64, 64)
    assert not made["photo"][..., :9].any()
    assert not made["photo"][..., -9:].any()
    assert mri(["mri", "mri.t2"], 16)(item)["mri"].shape == (1, 16, 16)
    assert fit(KEYS, 8)({}) == {}


def test_from_files_with_boxes(tmp_path: Path) -> None:
    pixels = np.zeros((60, 100), np.uint8)
    pixels[20:40, 30:80] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")
    Image.fromarray(pixels // 255).save(tmp_path / "m.png")
    record = Record(
        "a",
        {"xray": FileRef(tmp_path / "x.png")},
        masks={"xray": MaskRef((FileRef(tmp_path / "m.png"),), {1: "opacity"})},
        boxes=(Box("xray", "opacity", 30, 20, 50, 20),),
    )
    item = LoadRecord(mask_names=["opacity"], box_image="xray", box_names=["opacity"])(record)
    item = MoveBoxesd("box", "label", "xray")(xray("xray", 50)(item))
    assert item["box"].tolist() == [[20, 15, 30, 40]]
    expected = torch.zeros(50, 50)
    expected[20:30, 15:40] = 1
    assert torch.equal(item["xray.mask"][0].as_tensor().float(), expected)
