"""The trunk's outline: skin and the boundary between subcutaneous fat and muscle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthmed.phantom.frame import Frame
from synthmed.phantom.solids import MISSED, Array


@dataclass(frozen=True)
class Trunk:
    """At every level the trunk is {(x/a)⁴ + ((y - c)/b)² <= 1}; a, b and c run smoothly over z.

    The outline keeps to the straight z: only the organs' z is bent.

    Attributes:
        levels: (L,) z in mm at which the outline is given, rising.
        half_width, half_depth, centre: (L,) a, b and c in mm at those levels, of the muscle's surface.
        fat: thickness of the fat between muscle and skin, in mm.
    """

    levels: Array
    half_width: Array
    half_depth: Array
    centre: Array
    fat: float

    @classmethod
    def of(cls, frame: Frame) -> Trunk:
        """The outline around the frame's cage: waist, chest, shoulders, neck."""
        width, depth, _ = frame.cage
        levels = np.array([-200, -60, 30, 75, 98, 112, 124, 134, 146, 162, 200]) * frame.scale
        half_width = np.array(
            [
                width,
                width + 8,
                width + 12,
                width + 32,
                1.46 * width,
                1.42 * width,
                1.22 * width,
                0.86 * width,
                0.58 * width,
                0.46 * width,
                0.44 * width,
            ]
        )
        half_depth = np.array([1.08, 1.12, 1.10, 1.02, 0.92, 0.84, 0.78, 0.70, 0.62, 0.6, 0.6]) * depth + 6
        centre = np.array([0.04, 0.05, 0.07, 0.10, 0.10, 0.10, 0.08, 0.05, 0.03, 0.0, 0.0]) * depth
        single = [np.asarray(values, dtype=np.float32) for values in (levels, half_width, half_depth, centre)]
        return cls(single[0], single[1], single[2], single[3], frame.fat)

    def intervals(self, x: Array, z: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Where the lines enter and leave the skin, and the muscle; ``x`` and ``z`` broadcast to the results' shape."""
        half_width, half_depth, centre = (
            np.interp(z, self.levels, values).astype(np.float32)
            for values in (self.half_width, self.half_depth, self.centre)
        )
        ends = []
        for out in (np.float32(self.fat), np.float32(0)):
            square = np.square(x / (half_width + out))
            square = 1 - np.square(square, out=square)
            half = np.sqrt(np.maximum(square, 0)) * (half_depth + out)
            np.copyto(half, -MISSED, where=square <= 0)
            ends.append((centre - half, centre + half))
        return ends[0], ends[1]

    def width_at(self, z: float) -> float:
        """Half the trunk's width in mm at the level z, skin to skin."""
        return float(np.interp(z, self.levels, self.half_width)) + self.fat
