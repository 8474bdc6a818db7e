"""Label maps for images that have boxes alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform


class EllipseMasksd(MapTransform):
    """Add ``<image>.mask``: the filled ellipses inside the image's boxes, smaller ones on top of larger ones.

    Behind `synthmed.data.transforms.boxes.MoveBoxesd`, so that boxes are in the image's present pixels. A pixel belongs
    to an ellipse where its centre does. Values are the boxes' labels + 1, the places in ``data.box_names``.

    Args:
        keys: the image, (C, rows, columns).
        box_key, label_key: (n, 4) as MONAI detection's, and (n,).
    """

    def __init__(
        self,
        keys: KeysCollection,
        box_key: str = "box",
        label_key: str = "label",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.box_key, self.label_key = box_key, label_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with a mask (1, rows, columns) uint8 for each key."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[f"{key}.mask"] = ellipses(item[self.box_key], item[self.label_key], tuple(item[key].shape[-2:]))
        return item


def ellipses(boxes: torch.Tensor, labels: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """(1, rows, columns) uint8 of boxes (n, 4) with labels (n,)."""
    label_map = torch.zeros(1, *shape, dtype=torch.uint8)
    rows = torch.arange(shape[0], dtype=torch.float64)[:, None] + 0.5
    columns = torch.arange(shape[1], dtype=torch.float64)[None] + 0.5
    sides = (boxes[:, 2:] - boxes[:, :2]).double()
    for place in sides.prod(dim=1).argsort(descending=True, stable=True).tolist():
        first_row, first_column, last_row, last_column = boxes[place].double().tolist()
        down = (2 * rows - first_row - last_row) / max(last_row - first_row, 1e-9)
        across = (2 * columns - first_column - last_column) / max(last_column - first_column, 1e-9)
        label_map[0, down**2 + across**2 <= 1] = int(labels[place]) + 1
    return label_map
