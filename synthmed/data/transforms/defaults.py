"""One pipeline a modality: from an item as it is loaded to square images and masks of one size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.transforms import (
    Compose,
    EnsureTyped,
    Resized,
    ScaleIntensityRangePercentilesd,
    SpatialPadd,
    Transform,
)
from monai.utils import ensure_tuple

from synthmed.data.transforms.windows import HUWindowd, read_window
from synthmed.modality import MODALITIES


def fit(keys: str | Sequence[str], size: int, dark: float = 0.0) -> Compose:
    """Images (C, size, size) float32 in the range that they have, with their masks (1, size, size) uint8.

    The longer side becomes ``size``, bilinear behind a Gaussian for images and nearest for ``<key>.mask``, and the
    shorter one is padded on both sides, with ``dark`` and 0. Affines follow. Keys that an item lacks are passed over,
    since not every record has every image.
    """
    return Compose(_fit(keys, size, dark))


def xray(keys: str | Sequence[str], size: int) -> Compose:
    """Radiographs in [0, 1], as `fit`."""
    return fit(keys, size)


def ct(keys: str | Sequence[str], size: int, window: str | Sequence[float] = "mediastinum") -> Compose:
    """CT slices in [0, 1] over a window, or in HU where it is "none" (see `HUWindowd`), then as `fit`.

    Raises:
        UserError: no such window.
    """
    dark = MODALITIES.get("ct").low if read_window(window) is None else 0.0
    return Compose([HUWindowd(keys, window, allow_missing_keys=True), *_fit(keys, size, dark)])


def mri(keys: str | Sequence[str], size: int) -> Compose:
    """MRI slices in [0, 1] from their 0.5th to their 99.5th percentile, clipped, then as `fit`."""
    return Compose([mri_levels(keys), *_fit(keys, size)])


def mri_levels(keys: str | Sequence[str]) -> Transform:
    """MRI slices of any range in [0, 1], from their 0.5th to their 99.5th percentile."""
    return ScaleIntensityRangePercentilesd(keys, 0.5, 99.5, 0.0, 1.0, clip=True, allow_missing_keys=True)


def photo(keys: str | Sequence[str], size: int) -> Compose:
    """Photographs in [0, 1], as `fit`."""
    return fit(keys, size)


def _fit(keys: str | Sequence[str], size: int, dark: float = 0.0) -> list[Transform]:
    images = ensure_tuple(keys)
    masks = tuple(f"{key}.mask" for key in images)
    there: dict[str, Any] = {"allow_missing_keys": True}
    square = (size, size)
    return [
        Resized(images, size, "longest", "bilinear", anti_aliasing=True, **there),
        Resized(masks, size, "longest", "nearest", **there),
        SpatialPadd(images, square, value=dark, **there),
        SpatialPadd(masks, square, value=0, **there),
        EnsureTyped(images, dtype=torch.float32, track_meta=True, **there),
        EnsureTyped(masks, dtype=torch.uint8, track_meta=True, **there),
    ]
