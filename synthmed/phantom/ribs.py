"""The ribs: parallel tilted slabs cut out of the cage's shell, so that a ray's length in bone is closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthmed.phantom.frame import Frame
from synthmed.phantom.solids import MISSED, Array, Bool, Ellipsoids

COUNT = 12


@dataclass(frozen=True)
class Ribs:
    """Rib i is where the shell between cage and cavity has a phase in [i, i + thick).

    The phase (z - tilt y + bow (x/a)²  - origin) / pitch falls towards the breastbone, which makes the film's bands:
    nearly level at the back, steep in front. It is linear along a ray, so the length in bone is a difference of the
    phase's antiderivative.

    Attributes:
        pitch: distance of neighbouring ribs in mm.
        thick: a rib's height as a fraction of the pitch.
        tilt: mm of descent per mm to the front.
        bow: mm of descent from the midline to the side.
        front: y in mm at which bone turns into cartilage.
    """

    cage: Ellipsoids
    cavity: Ellipsoids
    half_width: float
    pitch: float
    thick: float
    tilt: float
    bow: float
    origin: float
    front: float

    @classmethod
    def draw(cls, rng: np.random.Generator, frame: Frame) -> Ribs:
        """Ribs on the frame's cage, the first at its top."""
        shell = Ellipsoids.of([[0.0, 0.0, frame.bottom]] * 2, [frame.cage, frame.cage * frame.inner])
        pitch = 24.5 * frame.scale * float(rng.uniform(0.95, 1.05))
        tilt = float(rng.uniform(0.45, 0.6))
        return cls(
            shell[:1],
            shell[1:],
            float(frame.cage[0]),
            pitch,
            float(rng.uniform(0.44, 0.52)),
            tilt,
            float(rng.uniform(8, 18)),
            106 * frame.scale - tilt * 0.5 * float(frame.cage[1]) - (COUNT - 1) * pitch,
            -float(rng.uniform(0.4, 0.55) * frame.cage[1]),
        )

    def phase(self, x: Array, y: Array, z: Array) -> Array:
        """The phase at points; its whole part is the rib's index, 0 the lowest."""
        level = z + self.bow * np.square(x / self.half_width)
        return np.asarray((level - self.tilt * y - self.origin) / self.pitch)

    def inside(self, x: Array, y: Array, z: Array) -> Bool:
        """Whether points *of the shell* are bone."""
        phase = self.phase(x, y, z)
        return np.asarray((phase % 1 < self.thick) & (phase >= 0) & (phase < COUNT) & (y > self.front))

    def length(self, x: Array, z: Array) -> Array:
        """(H, W) length in mm of bone along the rays (H, W) x, z."""
        (near, far), (inner_near, inner_far) = (
            (lo[0], hi[0]) for lo, hi in (solid.interval(x[None], z[None]) for solid in (self.cage, self.cavity))
        )
        hollow = inner_near < MISSED / 2
        middle = (near + far) / 2
        missed = near > far
        near, far = np.where(missed, middle, near), np.where(missed, middle, far)
        inner_near, inner_far = np.where(hollow, inner_near, middle), np.where(hollow, inner_far, middle)
        level = (z + self.bow * np.square(x / self.half_width) - self.origin) / self.pitch
        slope = np.float32(self.tilt / self.pitch)
        back = self._bone(level - slope * inner_far) - self._bone(level - slope * far)
        front = np.float32(self.front)
        chest = self._bone(level - slope * np.maximum(near, front)) - self._bone(
            level - slope * np.maximum(inner_near, front)
        )
        return np.asarray((back + chest) / slope, dtype=np.float32)

    def _bone(self, phase: Array) -> Array:
        """The antiderivative, over phase, of "is bone"."""
        phase = np.clip(phase, 0, COUNT)
        whole = np.floor(phase)
        return np.asarray(whole * np.float32(self.thick) + np.minimum(phase - whole, np.float32(self.thick)))

    def height(self, number: int, x: float, y: float) -> float:
        """z in mm of the middle of the ``number``-th rib (1 the highest) at x, y."""
        phase = COUNT - number + self.thick / 2
        return phase * self.pitch + self.origin + self.tilt * y - self.bow * (x / self.half_width) ** 2
