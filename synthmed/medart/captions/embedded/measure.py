"""Pixels to a few dozen numbers and colour names: all that the words are made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from synthmed.medart.captions.embedded.colours import Shade, names_of, palette
from synthmed.medart.captions.embedded.counting import count_objects, lung_fields
from synthmed.medart.captions.embedded.foreground import Kind, Scene, segment
from synthmed.medart.captions.embedded.outline import Outline, outline
from synthmed.medart.captions.embedded.regions import Mask
from synthmed.medart.captions.embedded.surface import Spot, grain, place, sharpness, spot, thin_lines

SMALLEST = 16
"""Pixels a side below which nothing is measured."""


@dataclass(frozen=True)
class Measures:
    """What is seen in a picture. Lightness is L* in [0, 100]; shares are in [0, 1] of the picture.

    Attributes:
        colours: of the foreground, the largest first.
        darkest: the colour of the foreground's darkest twelfth.
        background: the background's colour; "" where there is none.
        extent: share of the foreground.
        place: the foreground's centre as (row, column) in [0, 1].
        outline: its form; None for a field, for cells, and for a few pixels.
        edge: sharpness of its border in [0, 1]; None where there is no border.
        stands_out: ΔE between the median colours of foreground and background; 0 without a background.
        grain: see `synthmed.medart.captions.embedded.surface.grain`.
        lines: share of thin dark lines.
        brightness, contrast: mean and standard deviation of the foreground's lightness.
        sides, vertical: lightness of its left half minus its right, of its upper half minus its lower.
        centre: lightness of its inner part minus its outer part.
        dark_area, bright_area: the largest one.
        highlights: share of white, colourless reflections.
        rim: share of the optics' black rim.
        count: number of objects; 0 where they are not counted.
        lungs: shares of the dark fields in the left and the right half.
    """

    colours: tuple[Shade, ...]
    darkest: str
    background: str
    extent: float
    place: tuple[float, float]
    outline: Outline | None
    edge: float | None
    stands_out: float
    grain: float
    lines: float
    brightness: float
    contrast: float
    sides: float
    vertical: float
    centre: float
    dark_area: Spot | None
    bright_area: Spot | None
    highlights: float
    rim: float
    count: int
    lungs: tuple[float, float]


def measure(pixels: npt.NDArray[np.uint8], kind: Kind) -> Measures:
    """Measure (H, W, 3) uint8 pixels; equal pixels give equal measures.

    Raises:
        ValueError: of another form or type, or fewer than 16 pixels a side.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, not uint8 (H, W, 3)")
    if min(pixels.shape[:2]) < SMALLEST:
        raise ValueError(f"{pixels.shape[0]} x {pixels.shape[1]} pixels; {SMALLEST} a side are the fewest")
    scene = segment(pixels, kind)
    lightness = scene.smooth[..., 0]
    inside = scene.smooth[scene.foreground]
    around = scene.smooth[scene.background]
    single = kind in ("lesion", "body")
    behind = np.median(around, axis=0) if len(around) else None
    darkest = inside[inside[:, 0] <= np.percentile(inside[:, 0], 100 / 12)]
    return Measures(
        colours=palette(inside),
        darkest=names_of(np.median(darkest, axis=0)[None])[0],
        background=names_of(behind[None])[0] if behind is not None else "",
        extent=float(scene.foreground.mean()),
        place=place(scene.foreground),
        outline=outline(scene.foreground) if single else None,
        edge=sharpness(scene) if single else None,
        stands_out=float(np.linalg.norm(np.median(inside, axis=0) - behind)) if behind is not None else 0.0,
        grain=grain(scene),
        lines=thin_lines(scene),
        brightness=float(inside[:, 0].mean()),
        contrast=float(inside[:, 0].std()),
        sides=_halves(lightness, scene.foreground, axis=1),
        vertical=_halves(lightness, scene.foreground, axis=0),
        centre=_centre(lightness, scene.foreground),
        dark_area=spot(scene, dark=True),
        bright_area=spot(scene, dark=False),
        highlights=_highlights(scene),
        rim=scene.rim,
        count=count_objects(scene.foreground) if kind == "cells" else 0,
        lungs=lung_fields(scene) if kind == "field" else (0.0, 0.0),
    )


def _halves(lightness: npt.NDArray[np.float64], region: Mask, axis: int) -> float:
    """Mean of the first half minus that of the second, cut at the middle of the region's own extent."""
    places = np.nonzero(region)[axis]
    middle = (places.min() + places.max() + 1) / 2
    first = places < middle
    values = lightness[region]
    return float(values[first].mean() - values[~first].mean()) if first.any() and not first.all() else 0.0


def _centre(lightness: npt.NDArray[np.float64], region: Mask) -> float:
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    inner = depth > depth.max() / 2
    outer = region & ~inner
    return float(lightness[inner].mean() - lightness[outer].mean()) if inner.any() and outer.any() else 0.0


def _highlights(scene: Scene) -> float:
    white = (scene.lab[..., 0] > 90) & (np.hypot(scene.lab[..., 1], scene.lab[..., 2]) < 12)
    return float((white & scene.valid).sum() / max(1, scene.valid.sum()))
