"""Radiographs: which way round their grey levels are, and the borders around them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, SpatialCrop
from monai.utils import convert_to_tensor

from synthmed.errors import UserError


class Polarityd(MapTransform):
    """Turn negatives of [0, 1] radiographs into positives, in which bone is bright: ``1 - image``.

    Args:
        keys: radiographs, (1, rows, columns) in [0, 1].
        invert: whether to; "auto" where `looks_negative` says so, each image by itself. That is a rule for chest films
            alone.

    Raises:
        UserError: ``invert`` is none of these.
    """

    def __init__(self, keys: KeysCollection, invert: bool | Literal["auto"], allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        if invert not in (True, False, "auto"):
            raise UserError(f"invert = {invert!r}: write true, false or auto")
        self.invert = invert

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with positives."""
        item = dict(data)
        for key in self.key_iterator(item):
            image = convert_to_tensor(item[key], track_meta=True)
            if looks_negative(image) if self.invert == "auto" else self.invert:
                image = 1 - image
            item[key] = image
        return item


def looks_negative(image: torch.Tensor) -> bool:
    """Whether a chest film, (C, rows, columns), is a negative: its spine and abdomen are darker than the rest.

    The rule: the middle quarter of the columns, in the lower half of the rows, has a lower mean than the whole image.
    On the 6,325 chest films of shared data's xray parts (all positive; 876 of them at two sizes), 1 is taken for a
    negative, and 1 of the 6,325 inverted ones for a positive, since the rule is symmetric but for ties. The rule was
    chosen with all of them in view.
    ``pytest -m slow tests/data/transforms/test_xray.py -k every_film`` measures it.
    """
    rows, columns = image.shape[-2:]
    middle = image[..., rows // 2 :, 3 * columns // 8 : max(5 * columns // 8, 3 * columns // 8 + 1)]
    return bool(middle.mean() < image.mean())


class CropBorderd(MapTransform):
    """Cut away uniform black or white borders: letterboxes, collimation, a scanned film's margin.

    From each side, lines go as long as they are uniform, black or white each. Images and masks of one item are cut
    alike, by MONAI's `SpatialCrop`, so that their affines follow; `MoveBoxesd` moves boxes.

    Args:
        keys: what is cut: images and masks of the source's size.
        source_key: the [0, 1] image whose borders are looked for. An image that is uniform throughout stays whole.
        tolerance: how far from 0 or 1 a border's values may be.
        outliers: the share of a line's pixels that may be farther off, such as a side marker's.

    Raises:
        UserError: a bound is outside [0, 1); or images of another size among the keys.
    """

    def __init__(
        self,
        keys: KeysCollection,
        source_key: str,
        tolerance: float = 0.03,
        outliers: float = 0.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if not 0 <= tolerance < 0.5 or not 0 <= outliers < 1:
            raise UserError(f"tolerance = {tolerance}, outliers = {outliers}: from 0 to below 0.5, and to below 1")
        self.source_key = source_key
        self.tolerance = tolerance
        self.outliers = outliers

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with cut images."""
        item = dict(data)
        if self.source_key not in item and self.allow_missing_keys:
            return item
        source = item[self.source_key]
        start, end = content_box(convert_to_tensor(source, track_meta=False), self.tolerance, self.outliers)
        crop = SpatialCrop(roi_start=start, roi_end=end)
        for key in self.key_iterator(item):
            if item[key].shape[-2:] != source.shape[-2:]:
                raise UserError(f"{key}: {tuple(item[key].shape[-2:])} pixels, {self.source_key} {source.shape[-2:]}")
            item[key] = crop(item[key])
        return item


def content_box(image: torch.Tensor, tolerance: float, outliers: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """(first row, first column) and (last row, last column), exclusive, of what uniform borders enclose.

    Args:
        image: (C, rows, columns) in [0, 1]; a pixel is black or white if all its channels are.
    """
    black = (image <= tolerance).all(0)
    white = (image >= 1 - tolerance).all(0)
    top, left, bottom, right = 0, 0, *image.shape[-2:]
    while True:
        inside = slice(top, bottom), slice(left, right)
        rows, columns = (
            torch.maximum(black[inside].float().mean(axis), white[inside].float().mean(axis)) < 1 - outliers
            for axis in (1, 0)
        )
        if not rows.any() or not columns.any():
            return (0, 0), (image.shape[-2], image.shape[-1])
        kept_rows, kept_columns = rows.nonzero().flatten(), columns.nonzero().flatten()
        box = top + int(kept_rows[0]), left + int(kept_columns[0]), top + int(kept_rows[-1]) + 1, 0
        box = (*box[:3], left + int(kept_columns[-1]) + 1)
        if box == (top, left, bottom, right):
            return (top, left), (bottom, right)
        # Columns that go may have kept a row from being uniform.
        top, left, bottom, right = box
