"""Boxes follow their image through MONAI's spatial transforms."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data.box_utils import clip_boxes_to_image
from monai.transforms import MapTransform
from monai.utils import ensure_tuple

from synthmed.errors import UserError


class MoveBoxesd(MapTransform):
    """Move boxes to where spatial transforms have moved their image, by its affines before and after.

    It comes behind any of MONAI's transforms that keep the affine (resizing, padding, cropping, flips, turns, affine
    maps, `Spacingd`; not `Transposed`, which leaves the affine as it was) and takes them in one step. A turned box
    becomes its bounding box. An affine's coordinates are those of pixel centres, and a box's edges lie half a pixel
    away from these: with that half pixel boxes fit masks under a change of size. MONAI's `AffineBoxToImageCoordinated`
    leaves it out, and takes no (4, 4) affines for 2D boxes.

    Boxes are clipped to the image. ``meta["original_affine"]`` is then the present affine, so that the transform may be
    used again after further ones. An image without that key has not been moved.

    Args:
        box_keys: (n, 4), MONAI detection's (first row, first column, last row, last column), the last ones exclusive.
        label_keys: what goes with a box when it is dropped, (n, …); one key for each of ``box_keys``, or none.
        image_key: the image whose boxes they are.
        min_visible: boxes of whose area less is inside are dropped; those wholly outside always are.

    Raises:
        UserError: as many labels as boxes are wanted; ``min_visible`` outside [0, 1]; or an image without an affine.
    """

    def __init__(
        self,
        box_keys: KeysCollection,
        label_keys: KeysCollection = (),
        image_key: str = "",
        min_visible: float = 0.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(box_keys, allow_missing_keys)
        self.label_keys = ensure_tuple(label_keys)
        if self.label_keys and len(self.label_keys) != len(self.keys):
            raise UserError(f"{len(self.keys)} box keys and {len(self.label_keys)} label keys; write one for each")
        if not 0 <= min_visible <= 1:
            raise UserError(f"min_visible = {min_visible}: a share between 0 and 1")
        self.image_key = image_key
        self.min_visible = min_visible

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with moved boxes."""
        item = dict(data)
        if self.image_key not in item and self.allow_missing_keys:
            return item
        if not hasattr(item.get(self.image_key), "affine"):
            raise UserError(f"{self.image_key!r}: no image with an affine, from which boxes could be moved")
        image = item[self.image_key]
        # Lazy transforms have not moved the pixels yet.
        now, shape = image.peek_pending_affine(), image.peek_pending_shape()
        now = torch.as_tensor(now, dtype=torch.float64)
        before = torch.as_tensor(image.meta.get("original_affine", now), dtype=torch.float64)
        move = pixel_map(before, now)
        for place, key in enumerate(self.keys):
            if key not in item and self.allow_missing_keys:
                continue
            boxes = torch.as_tensor(item[key])
            moved, kept = move_boxes(boxes, move, tuple(shape), self.min_visible)
            item[key] = moved
            if self.label_keys:
                labels = item[self.label_keys[place]]
                if len(labels) != len(boxes):
                    raise UserError(f"{key}: {len(boxes)} boxes and {len(labels)} {self.label_keys[place]}")
                item[self.label_keys[place]] = labels[kept]
        image = image.clone()
        image.meta["original_affine"] = now.clone()
        item[self.image_key] = image
        return item


def pixel_map(before: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
    """(3, 3): pixel indices of an image with the affine ``before`` to those with ``now``, both (4, 4)."""
    plane = torch.tensor([0, 1, 3])
    move: torch.Tensor = torch.linalg.solve(now[plane][:, plane], before[plane][:, plane])
    return move


def move_boxes(
    boxes: torch.Tensor, move: torch.Tensor, shape: tuple[int, ...], min_visible: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(k, 4) moved and clipped boxes, and which k of the n they are.

    Args:
        boxes: (n, 4). move: (3, 3), see `pixel_map`. shape: (rows, columns).
        min_visible: see `MoveBoxesd`.
    """
    if not len(boxes):
        return boxes.reshape(0, 4), torch.zeros(0, dtype=torch.int64)
    # MONAI's apply_affine_to_boxes moves two of the corners, which under a turn do not bound the other two.
    corners = boxes.double()[:, [[0, 1], [0, 3], [2, 1], [2, 3]]] - 0.5
    places = corners @ move[:2, :2].T + move[:2, 2] + 0.5
    moved = torch.cat([places.amin(1), places.amax(1)], dim=1)
    clipped = torch.as_tensor(clip_boxes_to_image(moved, shape, remove_empty=False)[0])
    visible = _area(clipped) / _area(moved).clamp(min=1e-12)
    kept = ((visible > 0) & (visible >= min_visible - 1e-6)).nonzero().flatten()
    return clipped[kept].to(boxes.dtype), kept


def _area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)
