"""The spine: one vertebra, repeated along z by folding the coordinate, on a curve that follows the back of the cage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from synthmed.phantom.frame import Frame
from synthmed.phantom.solids import MISSED, Array, Ellipsoids


@dataclass(frozen=True)
class Spine:
    """Vertebrae of one pitch in mm; the disc is where the folded height is near the pitch's ends.

    Attributes:
        STRUCTURES: of the vertebra's five parts; `BONES` are the parts that are bone.
        vertebra: body, transverse processes, lamina, spinous process and canal about the body's centre.
        disc: height of a disc in mm.
    """

    STRUCTURES: ClassVar[tuple[str, ...]] = (
        "trabecular bone",
        "cortical bone",
        "cortical bone",
        "cortical bone",
        "spinal canal",
    )
    BONES: ClassVar[slice] = slice(0, 4)

    frame: Frame
    vertebra: Ellipsoids
    pitch: float
    disc: float

    @classmethod
    def draw(cls, rng: np.random.Generator, frame: Frame) -> Spine:
        """Vertebrae of the patient's scale; the discs thin with age."""
        s = frame.scale * float(rng.uniform(0.95, 1.05))
        centre = np.array([[0, 0, 0], [0, 26, 2], [0, 31, 0], [0, 44, -5], [0, 21, 0]]) * s
        # The body and the canal are so tall that folding cuts them: they are columns, the processes are not.
        axes = np.array([[19, 15.5, 17], [31, 5.5, 6], [15, 7, 10], [3.6, 15, 8], [8.5, 7.5, 400]]) * s
        angles = [(0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (-20.0, 0.0, 0.0), (0.0, 0.0, 0.0)]
        return cls(frame, Ellipsoids.of(centre, axes, angles), 24.0 * s, 5.5 - 0.03 * (frame.age - 50))

    def fold(self, z: Array) -> Array:
        """z to the height above the middle of the nearest vertebra, in ±pitch/2."""
        pitch = np.float32(self.pitch)
        return np.asarray(z - pitch * np.rint(z / pitch))

    def depth(self, z: Array) -> Array:
        """y in mm of the bodies' centres at the levels z: they keep to the cavity's back wall."""
        frame = self.frame
        level = (z - np.float32(frame.bottom)) / np.float32(frame.cage[2])
        wall = np.sqrt(np.maximum(np.float32(frame.inner**2) - level * level, np.float32(0.06)))
        return np.asarray(wall * np.float32(frame.cage[1]) - np.float32(10 * frame.scale))

    def interval(self, x: Array, z: Array) -> tuple[Array, Array]:
        """Where the lines (x, z), of any one shape S, enter and leave the five parts: two (5, *S) arrays."""
        lo, hi = self.vertebra.interval(x[None], self.fold(z)[None])
        depth = self.depth(z)
        return lo + depth, hi + depth

    def chords(self, x: Array, z: Array) -> Array:
        """(4, *S) length in mm of the lines inside the parts that are bone."""
        return self.vertebra[self.BONES].chord(x[None], self.fold(z)[None])

    def is_disc(self, z: Array) -> Array:
        """Whether the level z is a disc's (bool, shape of z)."""
        return np.asarray(np.abs(self.fold(z)) > (self.pitch - self.disc) / 2)

    @property
    def half_width(self) -> float:
        """Half the bodies' width in mm."""
        return float(self.vertebra.extent[0, 0])

    @property
    def reach(self) -> float:
        """Half the vertebra's width in mm, transverse processes included."""
        return float(self.vertebra.extent[:, 0].max())

    def column(self, x: Array, z: Array) -> tuple[Array, Array]:
        """Where the lines (x, z) enter and leave the bodies taken as one column without discs."""
        square = 1 - np.square(x / np.float32(self.half_width))
        half = np.where(square > 0, self.vertebra.extent[0, 1] * np.sqrt(np.maximum(square, 0)), -MISSED)
        middle = self.depth(z)
        return middle - half, middle + half
