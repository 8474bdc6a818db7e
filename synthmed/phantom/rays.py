"""The film's rays, and the window of them that a solid can meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthmed.phantom.frame import Warp
from synthmed.phantom.grid import Grid
from synthmed.phantom.solids import Array, Ellipsoids, Window

WARP_MARGIN = 7.0
"""mm by which the warp moves a point at most, along x or z."""


class Rays:
    """Parallel rays along y through every pixel of a film, in the frame's bent coordinates.

    Args:
        grid: the film's pixels.
        warp: the patient's.
    """

    def __init__(self, grid: Grid, warp: Warp) -> None:
        self.grid = grid
        self._top, self._left = float(grid.rows[0]), float(grid.columns[0])
        self.x, self.z = warp.film(grid.columns, grid.rows)

    def window(self, low: Sequence[float], high: Sequence[float]) -> Window:
        """Rows and columns that a box from ``low`` to ``high``, both bent x, y, z in mm, can touch."""
        (height, width), spacing = self.grid.shape, self.grid.spacing
        top, bottom = (self._top - high[2] - WARP_MARGIN) / spacing, (self._top - low[2] + WARP_MARGIN) / spacing + 1
        left, right = (low[0] - WARP_MARGIN - self._left) / spacing, (high[0] + WARP_MARGIN - self._left) / spacing + 1
        return (
            slice(int(min(max(top, 0), height)), int(min(max(bottom, 0), height))),
            slice(int(min(max(left, 0), width)), int(min(max(right, 0), width))),
        )

    def windows(self, solids: Ellipsoids) -> list[Window]:
        """The window that each of the solids can touch."""
        low, high = (solids.centre - solids.extent).tolist(), (solids.centre + solids.extent).tolist()
        return [self.window(a, b) for a, b in zip(low, high, strict=True)]

    def interval(self, solids: Ellipsoids, window: Window, floor: float = -np.inf) -> tuple[Array, Array]:
        """(K, h, w) where the window's rays enter and leave; below z = ``floor`` a solid goes on as a cylinder."""
        z = self.z[window] if np.isinf(floor) else np.maximum(self.z[window], np.float32(floor))
        return solids.interval(self.x[window][None], z[None])

    def chord(self, solids: Ellipsoids, window: Window) -> Array:
        """(h, w) length in mm of the window's rays inside the solids, counted once for each of them."""
        return np.asarray(solids.chord(self.x[window][None], self.z[window][None]).sum(axis=0))
