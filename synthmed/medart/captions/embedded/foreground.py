"""Which pixels are the thing in the picture, which the background, and which the black rim of the optics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from scipy import ndimage

from synthmed.medart.captions.embedded.lab import Array, to_lab
from synthmed.medart.captions.embedded.lesion import find_lesion
from synthmed.medart.captions.embedded.regions import Mask, main_part, opened, otsu

Kind = Literal["lesion", "body", "cells", "field"]

SIDE = 160
"""Longer side in pixels at which all is measured: shares and shapes need no more, and noise averages out."""
_BLACK = 14.0
_SMALLEST = 0.002
_PALE = 8.0
"""ΔE by which pale cells differ from the light."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture taken apart, all (H, W) or (H, W, 3) with the longer side at most `SIDE`.

    Attributes:
        lab: CIELAB; ``smooth`` without its noise and hairs.
        valid: all but the black rim, and for a ``lesion`` without stickers and ink at the edge.
        foreground: the thing; all of ``valid`` for a ``field``.
        background: what of ``valid`` surely is not the thing; may be empty.
        rim: share of the black rim; what else is not valid are stickers and ink at the edge.
    """

    lab: Array
    smooth: Array
    valid: Mask
    foreground: Mask
    background: Mask
    rim: float


def segment(pixels: npt.NDArray[np.uint8], kind: Kind) -> Scene:
    """Take (H, W, 3) uint8 pixels apart; see `synthmed.medart.captions.domain.Wording` for the kinds."""
    reduced = _reduced(pixels)
    lab = to_lab(reduced)
    sigma = max(lab.shape[:2]) / SIDE
    # A median takes hairs and specks away and leaves edges where they are; the Gaussian does for noise.
    calm = to_lab(np.asarray(Image.fromarray(reduced).filter(ImageFilter.MedianFilter(5))))
    smooth = ndimage.gaussian_filter(calm, (sigma, sigma, 0))
    valid = np.ones(lab.shape[:2], bool) if kind == "body" else ~_rim(smooth[..., 0])
    rim = float(1 - valid.mean())
    if kind == "field":
        return Scene(lab, smooth, valid, valid, np.zeros_like(valid), rim)
    if kind == "lesion":
        foreground, valid = find_lesion(smooth, valid)
    elif kind == "body":
        away = np.linalg.norm(smooth, axis=-1)
        # Air is far from any tissue, and Otsu's level is between dark and bright tissue.
        foreground = main_part(opened(away > 0.4 * otsu(away)), away)
    else:
        away = _from_light(smooth)
        foreground = _without_specks(opened(away > _cell_level(away)))
    if not foreground.any():
        foreground = valid
    near = ndimage.binary_dilation(foreground, iterations=3)
    return Scene(lab, smooth, valid, foreground, valid & ~near, rim)


def _reduced(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    scale = SIDE / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


def _rim(lightness: Array) -> Mask:
    """Black regions that reach a corner of the picture, grown by the blur of their edge."""
    dark = np.zeros(lightness.shape, np.int64)
    ndimage.label(lightness < _BLACK, output=dark)
    inset = min(3, min(lightness.shape) // 4)  # some pictures have a light frame of a pixel or two
    corners = {int(dark[row, column]) for row in (inset, -1 - inset) for column in (inset, -1 - inset)} - {0}
    rim = np.isin(dark, list(corners))
    if not rim.any() or rim.mean() > 0.8:
        return np.zeros_like(rim)
    return np.asarray(ndimage.binary_dilation(rim, iterations=max(2, round(max(rim.shape) / 40))), bool)


def _from_light(smooth: Array) -> Array:
    """ΔE from the lamp's light between stained things, which are darker."""
    lightness = smooth[..., 0]
    return np.asarray(
        np.linalg.norm(smooth - np.median(smooth[lightness >= np.percentile(lightness, 85)], axis=0), axis=-1)
    )


def _cell_level(away: Array) -> float:
    """Otsu's level; the one below it where it parts dark nuclei from pale cells."""
    level = otsu(away)
    below = away[away <= level]
    lower = otsu(below)
    pale = below[below > lower]
    return lower if len(pale) and pale.mean() - below[below <= lower].mean() > _PALE else level


def _without_specks(found: Mask) -> Mask:
    parts = np.zeros(found.shape, np.int64)
    ndimage.label(ndimage.binary_fill_holes(found), output=parts)
    sizes = np.bincount(parts.ravel())
    large = sizes >= _SMALLEST * found.size
    large[0] = False
    return np.asarray(large[parts], bool)
