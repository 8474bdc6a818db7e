from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from monai.apps.detection.transforms.box_ops import apply_affine_to_boxes
from monai.apps.detection.transforms.dictionary import AffineBoxToImageCoordinated
from monai.transforms import (
    Affined,
    CenterSpatialCropd,
    Compose,
    Flipd,
    Resized,
    Rotate90d,
    Rotated,
    Spacingd,
    SpatialPadd,
    Zoomd,
)

from synthmed.data.transforms.boxes import MoveBoxesd, pixel_map
from synthmed.data.transforms.xray import CropBorderd
from synthmed.errors import UserError

ROWS, COLUMNS = 48, 80
BOX = (8, 20, 24, 60)
MOVE = MoveBoxesd("box", "label", "xray")


def item(make: Any, boxes: Any = (BOX,)) -> dict[str, Any]:
    """An image whose value is 1 in the box, with a ramp outside that is no border."""
    mask = np.zeros((1, ROWS, COLUMNS), np.uint8)
    first_row, first_column, last_row, last_column = BOX
    mask[:, first_row:last_row, first_column:last_column] = 1
    return {
        "xray": make(mask.astype(np.float32)),
        "xray.mask": make(mask),
        "box": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "label": torch.arange(len(boxes)),
    }


def bounds(mask: torch.Tensor) -> list[float]:
    rows, columns = (mask[0].any(axis).nonzero().flatten() for axis in (1, 0))
    return [float(rows[0]), float(columns[0]), float(rows[-1]) + 1, float(columns[-1]) + 1]


KEYS = ["xray", "xray.mask"]
NEAREST = {"keys": KEYS, "mode": "nearest"}
EXACT = {
    "flip rows": Flipd(KEYS, 0),
    "flip columns": Flipd(KEYS, 1),
    "turn": Rotate90d(KEYS, k=1),
    "turn thrice": Rotate90d(KEYS, k=3),
    "pad": SpatialPadd(KEYS, (60, 95)),
    "crop": CenterSpatialCropd(KEYS, (30, 62)),
    "crop into": CenterSpatialCropd(KEYS, (30, 20)),
    "halve": Resized(spatial_size=(24, 40), **NEAREST),
    "quarter and double": Resized(spatial_size=(12, 160), **NEAREST),
    "longest": Resized(spatial_size=160, size_mode="longest", **NEAREST),
    # It keeps the first pixel's centre, so that edges fall between pixels at odd factors alone.
    "spacing": Spacingd(pixdim=(2 / 3, 1.0), **NEAREST),
    "zoom": Zoomd(zoom=2.0, keep_size=False, **NEAREST),
    "border": CropBorderd(KEYS, "xray"),
}


@pytest.mark.parametrize("name", EXACT)
def test_boxes_fit_the_mask_that_was_drawn_as_the_box(name: str, make: Any) -> None:
    moved = Compose([EXACT[name], MOVE])(item(make))
    np.testing.assert_allclose(moved["box"].numpy(), [bounds(moved["xray.mask"])], atol=1e-3)
    assert moved["label"].tolist() == [0]
    assert moved["box"].dtype == torch.float32


@pytest.mark.parametrize(
    "transform",
    [
        Rotated(angle=0.3, keep_size=False, **NEAREST),
        Rotated(angle=-0.7, keep_size=True, **NEAREST),
        Affined(rotate_params=0.5, scale_params=(0.8, 1.1), translate_params=(3.0, -4.0), **NEAREST),
        Affined(shear_params=(0.3, 0.0), padding_mode="zeros", **NEAREST),
        Resized(spatial_size=(31, 77), **NEAREST),
        Spacingd(pixdim=(1.7, 4.1), **NEAREST),
        Spacingd(pixdim=(4.0, 1.0), **NEAREST),
    ],
)
def test_turned_boxes_bound_the_turned_mask(transform: Any, make: Any) -> None:
    moved = Compose([transform, MOVE])(item(make))
    np.testing.assert_allclose(moved["box"].numpy(), [bounds(moved["xray.mask"])], atol=1.01)


def test_a_chain_in_one_step_or_after_each_and_lazily(make: Any) -> None:
    chain = [Resized(KEYS, (96, 120), mode="nearest"), Flipd(KEYS, 1), Rotate90d(KEYS), SpatialPadd(KEYS, (140, 100))]
    once = Compose([*chain, MOVE])(item(make))
    each = Compose([step for transform in chain for step in (transform, MOVE)])(item(make))
    lazy = Compose([*chain, MOVE], lazy=True)(item(make))
    np.testing.assert_allclose(once["box"].numpy(), [bounds(once["xray.mask"])], atol=1e-3)
    np.testing.assert_allclose(once["box"].numpy(), each["box"].numpy(), atol=1e-4)
    np.testing.assert_allclose(once["box"].numpy(), lazy["box"].numpy(), atol=1e-4)
    again = pickle.loads(pickle.dumps(MOVE))(once)
    torch.testing.assert_close(again["box"], once["box"], rtol=0, atol=1e-4)


def test_monai_s_own_takes_no_such_affine_and_leaves_half_a_pixel_out(make: Any) -> None:
    """Why this transform is there: when MONAI's is right, it can go."""
    source = item(make)
    moved = Resized(KEYS, (12, 20), mode="nearest")(source)
    with pytest.raises(RuntimeError):
        AffineBoxToImageCoordinated("box", "xray", affine_lps_to_ras=False)(moved)
    move = pixel_map(source["xray"].affine, moved["xray"].affine)
    theirs = apply_affine_to_boxes(source["box"], move)
    exact = torch.tensor([bounds(moved["xray.mask"])])
    assert (theirs - exact).abs().max() > 0.3
    torch.testing.assert_close(MOVE(moved)["box"], exact)


def test_boxes_are_clipped_and_dropped_with_their_labels(make: Any) -> None:
    boxes = [(0, 0, 10, 10), (4, 0, 12, 10), (20, 30, 30, 40), (40, 70, 48, 80), (30, 30, 44, 40)]
    crop = CenterSpatialCropd(KEYS, (ROWS - 16, COLUMNS))  # rows 8 to 40
    for least, kept in ((0.0, [0, 1, 2, 4]), (0.5, [1, 2, 4]), (0.9, [2]), (1.0, [2])):
        moved = Compose([crop, MoveBoxesd("box", "label", "xray", min_visible=least)])(item(make, boxes))
        assert moved["label"].tolist() == kept
        assert moved["box"][kept.index(2)].tolist() == [12, 30, 22, 40]
        assert moved["box"][:, :2].min() >= 0
    assert moved["box"].shape == (1, 4)
    alone = Compose([crop, MoveBoxesd("box", image_key="xray")])(item(make, boxes))
    assert len(alone["box"]) == 4
    assert alone["label"].tolist() == [0, 1, 2, 3, 4]


def test_no_boxes_and_an_image_that_has_not_moved(make: Any) -> None:
    moved = Compose([Flipd(KEYS, 1), MOVE])(item(make, ()))
    assert moved["box"].shape == (0, 4)
    assert moved["label"].tolist() == []
    still = item(make)
    del still["xray"].meta["original_affine"]
    moved = MOVE(still)
    assert moved["box"].tolist() == [list(map(float, BOX))]
    assert torch.equal(moved["xray"].meta["original_affine"], still["xray"].affine)


def test_the_item_is_left_alone(make: Any) -> None:
    source = Flipd(KEYS, 1)(item(make))
    before = source["xray"].meta["original_affine"].clone()
    MOVE(source)
    assert torch.equal(source["xray"].meta["original_affine"], before)
    assert source["box"].tolist() == [list(map(float, BOX))]


def test_what_is_refused(make: Any) -> None:
    with pytest.raises(UserError, match="one for each"):
        MoveBoxesd(["a", "b"], "label", "xray")
    with pytest.raises(UserError, match="min_visible"):
        MoveBoxesd("box", "label", "xray", min_visible=2)
    with pytest.raises(UserError, match="no image with an affine"):
        MoveBoxesd("box", "label", "ct")(item(make))
    with pytest.raises(UserError, match="1 boxes and 2"):
        MOVE({**item(make), "label": torch.arange(2)})
    missing = MoveBoxesd("box", "label", "ct", allow_missing_keys=True)
    assert missing({"report": "x"}) == {"report": "x"}
