"""A lesion on skin, or any one thing on a plain background: by its colour, its place, and not by the light."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from synthmed.medart.captions.embedded.lab import Array
from synthmed.medart.captions.embedded.regions import Mask, main_part, opened, otsu

_TRIES = 4
_FAR = 0.62
"""Distance of a region's centre from the picture's, 1 at the middle of a side, from which it is taken for a sticker."""


def find_lesion(smooth: Array, valid: Mask) -> tuple[Mask, Mask]:
    """The lesion, and the valid pixels without stickers and ink.

    What lies at the edge of the picture and far from its middle (rulers, stickers, ink) is left out, and the level
    found again without it. The background's colour may change over the picture as light does.
    """
    background = _ring_colour(smooth, valid)
    away: Array = np.linalg.norm(smooth - background, axis=-1)
    lesion, valid = _without_stickers(away, valid)
    flat = _surface(smooth, valid & ~ndimage.binary_dilation(lesion, iterations=4))
    if flat is not None:
        away = np.linalg.norm(smooth - flat, axis=-1)
        lesion, valid = _without_stickers(away, valid)
    return lesion, valid


def _without_stickers(away: Array, valid: Mask) -> tuple[Mask, Mask]:
    found = valid
    for _ in range(_TRIES):
        found = main_part(opened(valid & (away > otsu(away[valid]))), away)
        if not _is_aside(found) or found.sum() > 0.5 * valid.sum():
            break
        left = valid & ~ndimage.binary_dilation(found, iterations=4)
        if left.mean() < 0.3:
            break
        valid = left
    return found, valid


def _is_aside(region: Mask) -> bool:
    if not region.any():
        return False
    height, width = region.shape
    row, column = ndimage.center_of_mass(region)
    return bool(np.hypot(2 * row / height - 1, 2 * column / width - 1) > _FAR)


def _ring_colour(smooth: Array, valid: Mask) -> Array:
    """The median colour along the edge of the valid pixels."""
    width = max(1, round(0.08 * min(valid.shape)))
    ring = smooth[valid & ~ndimage.binary_erosion(valid, iterations=width, border_value=0)]
    # A lesion that reaches the edge holds part of the ring; skin is the lighter part.
    return np.asarray(np.median(ring[ring[:, 0] >= np.percentile(ring[:, 0], 40)], axis=0))


def _surface(smooth: Array, skin: Mask) -> Array | None:
    """The skin's colour at every pixel: a quadratic fit to where there is no lesion; None where that is too little."""
    if skin.mean() < 0.4:
        return None
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in skin.shape), indexing="ij")
    terms = np.stack([np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2], axis=-1)
    weights, *_ = np.linalg.lstsq(terms[skin], smooth[skin], rcond=None)
    return np.asarray(terms @ weights)
