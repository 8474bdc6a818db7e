"""How many things there are, touching ones counted apart; and the two dark fields of a chest film."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from synthmed.medart.captions.embedded.foreground import Scene
from synthmed.medart.captions.embedded.regions import Mask, otsu

_MARGIN = 0.18
"""Of the picture's side: the seam where air, shoulders and neck are."""
_REACHES = 0.04
"""Share of the picture."""


def count_objects(region: Mask) -> int:
    """Number of roundish things in a region: the tops of its distance map, one within each other's typical radius.

    Things that touch have a top each; of things that overlap by more than half, one is counted.
    """
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1], 1.0)
    if depth.max() <= 0:
        return 0
    tops = depth == ndimage.maximum_filter(depth, 5)
    radius = float(np.median(depth[tops & (depth > 0.3 * depth.max())]))
    wide = 2 * max(2, round(0.8 * radius)) + 1
    tops = (depth == ndimage.maximum_filter(depth, wide)) & (depth > 0.5 * radius)
    return int(ndimage.label(tops, structure=np.ones((3, 3)))[1])


def lung_fields(scene: Scene) -> tuple[float, float]:
    """Shares of the picture that dark fields have in its left and right half, without those at its sides and on top.

    Of a frontal chest film these are about the lungs: darker than Otsu's level, with what hangs together with the air
    around the body left out. (0, 0) where that reaches far into the chest, so that a lung may be part of it.
    """
    lightness = scene.smooth[..., 0]
    dark = scene.valid & (lightness < otsu(lightness[scene.valid]))
    parts = np.zeros(dark.shape, np.int64)
    ndimage.label(ndimage.binary_opening(dark, iterations=2), output=parts)
    edge = np.unique(np.concatenate([parts[:, 0], parts[:, -1]]))
    fields = (parts > 0) & ~np.isin(parts, edge)
    rows, columns = (round(_MARGIN * side) for side in dark.shape)
    if ((parts > 0) & ~fields)[rows:, columns:-columns].sum() > _REACHES * dark.size:
        return 0.0, 0.0
    # Shoulders and neck lie beside and above the chest.
    for part in np.unique(parts[fields]):
        row, column = ndimage.center_of_mass(parts == part)
        if row < rows or not columns < column < dark.shape[1] - columns:
            fields[parts == part] = False
    half = dark.shape[1] // 2
    return float(fields[:, :half].sum() / dark.size), float(fields[:, half:].sum() / dark.size)
