"""The paper's crop: a random square as large as the picture."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform, SpatialCrop


class RandSquareCropd(RandomizableTransform, MapTransform):
    """A square of the shorter side, anywhere along the longer one; all keys have the same place.

    With a `Resized` after it this is torchvision's ``Resize(size)`` (of the shorter side) and ``RandomCrop(size)``,
    which Med-Art's code trains with. MONAI's crops take sizes that are the same for all images.

    Args:
        keys: images (C, H, W) of one size, and their masks.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob=1.0)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with squares of (C, s, s), s = min(H, W)."""
        item = dict(data)
        place = float(self.R.random())
        for key in self.key_iterator(item):
            rows, columns = item[key].shape[1:]
            side = min(rows, columns)
            start = [int(place * (rows - side + 1)), int(place * (columns - side + 1))]
            item[key] = SpatialCrop(roi_start=start, roi_end=[at + side for at in start])(item[key])
        return item
