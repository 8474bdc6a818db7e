"""Levels and components: from a map of numbers to the region that matters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from synthmed.medart.captions.embedded.lab import Array

Mask = npt.NDArray[np.bool_]


def otsu(values: Array) -> float:
    """The level that parts values into two classes with the most variance between them (Otsu 1979).

    Equals the least within-class sum of squares; 256 bins. Flat values have their own level.
    """
    counts, edges = np.histogram(values, 256)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1].astype(float)
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * centres)
    means_below = sums[:-1] / np.maximum(below, 1)
    means_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * (means_below - means_above) ** 2)])


def main_part(found: Mask, away: Array) -> Mask:
    """The component with the most colour and the best place, its holes filled; what matters is near the middle.

    Args:
        away: (H, W) how far each pixel is from the background's colour.
    """
    parts = np.zeros(found.shape, np.int64)
    count = ndimage.label(found, output=parts)
    if not count:
        return found
    rows, columns = (np.linspace(-1, 1, side) for side in found.shape)
    weight = away * np.exp(-3 * (rows[:, None] ** 2 + columns[None, :] ** 2))
    best = 1 + int(np.argmax(ndimage.sum_labels(weight, parts, np.arange(1, count + 1))))
    return np.asarray(ndimage.binary_fill_holes(parts == best), bool)


def opened(found: Mask) -> Mask:
    """Without threads and single pixels, unless nothing else is there."""
    wide = ndimage.binary_opening(found)
    return wide if wide.any() else found
