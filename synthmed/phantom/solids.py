"""Smooth solids as intervals along the ray: ellipsoids in closed form, and the length of unions of intervals.

Axes in mm: x to the patient's left, y to the back, z to the head. A film's ray and a slice's column both run along y,
so a solid is described once, by where a line parallel to y enters and leaves it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Vector = npt.NDArray[np.float64]
AnyFloat = npt.NDArray[np.floating[Any]]
Window = tuple[slice, slice]

MISSED = np.float32(1e6)
"""A line that misses a solid enters at +MISSED and leaves at -MISSED: its length is negative, hence nothing."""


def rotation(angles: Sequence[float]) -> Vector:
    """(3, 3) rotation by ``angles`` (about x, then y, then z) in degrees."""
    (cx, cy, cz), (sx, sy, sz) = ([turn(math.radians(angle)) for angle in angles] for turn in (math.cos, math.sin))
    return np.array(
        [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ]
    )


@dataclass(frozen=True)
class Ellipsoids:
    """K ellipsoids {p : (p - centre)ᵀ matrix (p - centre) <= 1}.

    Attributes:
        centre: (K, 3) x, y, z in mm.
        matrix: (K, 3, 3) symmetric, positive definite, in 1/mm².
        extent: (K, 3) half sizes of the bounding boxes in mm.
        terms: (6, K) the matrix as `interval` needs it: xx, zz, 2 xz, xy and yz, all over yy, and 1 / yy.
    """

    centre: Array
    matrix: Array
    extent: Array
    terms: Array

    @classmethod
    def _of(cls, centre: AnyFloat, matrix: AnyFloat, extent: AnyFloat) -> Ellipsoids:
        scaled = matrix / matrix[:, 1:2, 1:2]
        columns = [scaled[:, 0, 0], scaled[:, 2, 2], 2 * scaled[:, 0, 2], scaled[:, 0, 1], scaled[:, 1, 2]]
        terms = np.stack([*columns, 1 / matrix[:, 1, 1]])
        single = [np.asarray(values, dtype=np.float32) for values in (centre, matrix, extent, terms)]
        return cls(single[0], single[1], single[2], single[3])

    @classmethod
    def of(
        cls,
        centre: Sequence[npt.ArrayLike] | Vector,
        semi_axes: Sequence[npt.ArrayLike] | Vector,
        angles: Sequence[Sequence[float]] | None = None,
    ) -> Ellipsoids:
        """K ellipsoids from (K, 3) centres, (K, 3) semi-axes in mm and, if turned, (K, 3) angles in degrees."""
        square = np.square(np.asarray(semi_axes, dtype=np.float64))
        turns = np.broadcast_to(np.eye(3), (len(square), 3, 3)).copy()
        for k, turned in enumerate(angles or ()):
            if any(turned):
                turns[k] = rotation(turned)
        matrix = (turns / square[:, None, :]) @ turns.transpose(0, 2, 1)
        extent = np.sqrt((turns * turns * square[:, None, :]).sum(axis=2))
        return cls._of(np.asarray(centre, dtype=np.float64), matrix, extent)

    @classmethod
    def rods(cls, start: Vector, end: Vector, radius: Vector) -> Ellipsoids:
        """K long ellipsoids of (K,) ``radius`` about the segments (K, 3) ``start`` to ``end``, longer by one third."""
        along = end - start
        length = np.maximum(np.linalg.norm(along, axis=1), 1e-3)
        unit = along / length[:, None]
        outer = unit[:, :, None] * unit[:, None, :]
        thin, long = radius**2, (length / 1.5) ** 2
        matrix = (1 / thin)[:, None, None] * np.eye(3) + (1 / long - 1 / thin)[:, None, None] * outer
        extent = np.sqrt(thin[:, None] + (long - thin)[:, None] * unit**2)
        return cls._of((start + end) / 2, matrix, extent)

    def __len__(self) -> int:
        return len(self.centre)

    def __getitem__(self, which: slice | npt.NDArray[np.intp] | Bool) -> Ellipsoids:
        return Ellipsoids(self.centre[which], self.matrix[which], self.extent[which], self.terms[:, which])

    def shrunk(self, factor: float) -> Ellipsoids:
        """The same ellipsoids about their centres, smaller by the factor."""
        return Ellipsoids._of(self.centre, self.matrix / factor**2, self.extent * factor)

    def interval(self, x: Array, z: Array) -> tuple[Array, Array]:
        """Where the lines (x, z) enter and leave each ellipsoid, in mm along y.

        ``x`` and ``z`` broadcast to (K, *S): give them a leading axis of 1, or of K for each solid's own lines.
        Returns two (K, *S) float32 arrays. With q = matrix and m = (q_xy dx + q_yz dz) / q_yy, the line meets the
        surface at y = c_y - m ± sqrt(m² - (q_xx dx² + 2 q_xz dx dz + q_zz dz² - 1) / q_yy).
        """
        middle, square = self._meet(x, z)
        missed = square <= 0
        half = np.sqrt(np.maximum(square, 0, out=square), out=square)
        np.copyto(half, -MISSED, where=missed)
        return middle - half, middle + half

    def chord(self, x: Array, z: Array) -> Array:
        """(K, *S) float32 length in mm of the lines (x, z) inside each ellipsoid; shapes as in `interval`."""
        square = self._meet(x, z)[1]
        return np.asarray(2 * np.sqrt(np.maximum(square, 0, out=square), out=square))

    def _meet(self, x: Array, z: Array) -> tuple[Array, Array]:
        """The middle of every line's chord, and the square of its half length (negative where it misses)."""
        tail = (1,) * (max(x.ndim, z.ndim) - 1)
        cx, cy, cz = self.centre.T.reshape(3, -1, *tail)
        xx, zz, xz, xy, yz, yy = self.terms.reshape(6, -1, *tail)
        dx, dz = x - cx, z - cz
        square = yy - dx * dx * xx
        square = square - dz * dz * zz
        if not self.terms[2:5].any():
            return cy, square
        square -= dx * dz * xz
        middle = dx * xy + dz * yz
        square += middle * middle
        return cy - middle, square

    def contains(self, x: Array, y: Array, z: Array) -> Bool:
        """(K, *S) bool: whether the points (each broadcasting to (K, *S), leading axis first) lie inside."""
        lo, hi = self.interval(x, z)
        return np.asarray((y > lo) & (y < hi))


class Occupied:
    """The union of intervals along every line, within bounds, with its exact length.

    Starts and ends are each kept sorted on their own: pairing the k-th start with the k-th end changes the intervals
    but covers the same points, and then the union's length is the sum of max(0, end_k - max(start_k, end_k-1)).

    Args:
        lo, hi: (H, W) the bounds of every line, in mm; ``hi < lo`` for a line that is never inside.
    """

    def __init__(self, lo: Array, hi: Array) -> None:
        self.lo, self.hi = lo, np.maximum(lo, hi)
        self._count = 0
        # (2, layers, H, W), starts and ends; a layer that is not in use yet is empty at the lines' upper ends.
        self._layers = np.broadcast_to(self.hi, (2, 12, *lo.shape)).copy()

    def insert(self, lo: Array, hi: Array, window: Window) -> None:
        """Add one interval to every line of the window; the parts outside the bounds do not count."""
        if self._count == self._layers.shape[1]:
            more = np.broadcast_to(self.hi, (2, self._count, *self.hi.shape))
            self._layers = np.concatenate([self._layers, more], axis=1)
        lowest, highest = self.lo[window], self.hi[window]
        value = np.empty((2, 1, *lowest.shape), dtype=np.float32)
        np.minimum(np.maximum(lo, lowest), highest, out=value[0, 0])
        np.maximum(np.minimum(hi, highest), value[0, 0], out=value[1, 0])
        self._count += 1
        # Sorted insertion, all layers at once: layer k becomes max(layer k-1, min(layer k, value)).
        view = self._layers[:, : self._count, window[0], window[1]]
        after = np.minimum(view, value)
        np.maximum(after[:, 1:], view[:, :-1], out=after[:, 1:])
        view[...] = after

    def length(self, window: Window) -> Array:
        """(h, w) length in mm of the union along the window's lines."""
        starts, ends = self._layers[:, : self._count, window[0], window[1]]
        covered = ends[:1] - np.maximum(starts[:1], self.lo[window])
        more = np.maximum(ends[1:] - np.maximum(starts[1:], ends[:-1]), 0)
        return np.asarray(np.maximum(covered[0], 0) + more.sum(axis=0))
