"""What a region's inside and its edge look like: grain, thin lines, sharpness, spots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synthmed.medart.captions.embedded.foreground import Scene
from synthmed.medart.captions.embedded.regions import Mask

_LINE = 7
_LINE_DEPTH = 9.0
_NEAR, _FAR = 1.5, 7.0


@dataclass(frozen=True)
class Spot:
    """The largest dark or bright area of the picture: its share, and its centre as (row, column) in [0, 1]."""

    share: float
    place: tuple[float, float]


def grain(scene: Scene) -> float:
    """Standard deviation of L* about its local mean, inside the foreground, in units of L*; 0 for a flat surface."""
    lightness = scene.lab[..., 0]
    inside = ndimage.binary_erosion(scene.foreground, iterations=3)
    inside = inside if inside.any() else scene.foreground
    weight = ndimage.gaussian_filter(inside.astype(float), 3)
    # Averages over the inside alone: the background's lightness is not the region's grain.
    local = ndimage.gaussian_filter(np.where(inside, lightness, 0.0), 3) / np.maximum(weight, 1e-6)
    return float(np.std((lightness - local)[inside]))


def thin_lines(scene: Scene) -> float:
    """Share of the valid pixels on dark lines thinner than seven: a black top-hat of L* of at least 9."""
    lightness = scene.lab[..., 0]
    hat = ndimage.black_tophat(lightness, size=(_LINE, _LINE))
    found = np.zeros(hat.shape, np.int64)
    ndimage.label((hat > _LINE_DEPTH) & scene.valid, structure=np.ones((3, 3)), output=found)
    sizes = np.bincount(found.ravel())
    boxes = ndimage.find_objects(found)
    # A line is long; a speck of noise is not.
    long = [
        part
        for part, box in enumerate(boxes, 1)
        if box is not None and max(side.stop - side.start for side in box) >= 3 * _LINE
    ]
    return float(sizes[long].sum() / max(1, scene.valid.sum()))


def sharpness(scene: Scene) -> float | None:
    """How much of the colour's change across the foreground's edge happens within 1.5 pixels of it, in [0, 1].

    None where the foreground has no edge inside the picture, or does not differ from its background.
    """
    depth = ndimage.distance_transform_edt(scene.foreground) - ndimage.distance_transform_edt(~scene.foreground)
    if not scene.background.any():
        return None
    inner, outer = (np.median(scene.lab[region], axis=0) for region in (scene.foreground, scene.background))
    direction = inner - outer
    if np.linalg.norm(direction) < 3:
        return None
    along = scene.lab @ (direction / np.linalg.norm(direction))

    def mean(low: float, high: float) -> float:
        band = scene.valid & (depth > low) & (depth <= high)
        return float(along[band].mean()) if band.any() else float("nan")

    near = mean(0, _NEAR) - mean(-_NEAR, 0)
    far = mean(_FAR - 2, _FAR) - mean(-_FAR, 2 - _FAR)
    return float(np.clip(near / far, 0, 1)) if far > 3 else None


def spot(scene: Scene, *, dark: bool) -> Spot | None:
    """The largest area far darker or brighter than the middle of the region that is looked at; None below 1 % of it.

    That region is the foreground without a seam of a twelfth of the picture, where skull and skin are, if there is a
    background; else all valid pixels.
    """
    lightness = scene.smooth[..., 0]
    region = scene.valid
    if scene.background.any():
        region = ndimage.binary_erosion(scene.foreground, iterations=max(1, max(region.shape) // 12))
    if not region.any():
        return None
    low, middle, high = np.percentile(lightness[region], (1, 50, 99))
    limit = (middle + low) / 2 if dark else (middle + high) / 2
    if abs(limit - middle) < 6:
        return None
    return largest(region & (lightness < limit if dark else lightness > limit), region)


def largest(found: Mask, valid: Mask) -> Spot | None:
    """The largest component of ``found``; None below 1 % of ``valid``."""
    parts = np.zeros(found.shape, np.int64)
    if not ndimage.label(found, output=parts):
        return None
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    best = int(sizes.argmax())
    share = float(sizes[best] / max(1, valid.sum()))
    return Spot(share, place(parts == best)) if share >= 0.01 else None


def place(region: Mask) -> tuple[float, float]:
    """The centre of a region as (row, column), each in [0, 1] of the picture."""
    row, column = ndimage.center_of_mass(region)
    height, width = region.shape
    return (float(row) + 0.5) / height, (float(column) + 0.5) / width
