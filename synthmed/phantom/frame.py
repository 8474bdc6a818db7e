"""The patient's frame: who it is, how large, and the smooth warp that makes every body's outlines its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthmed.phantom.solids import AnyFloat, Array, Vector


@dataclass(frozen=True)
class Warp:
    """A smooth bend of space that keeps every line along y straight and its lengths unchanged.

    x' = x + g0(x) + g1(z), z' = z + g2(x) + g3(z), y' = y + g4(x) + g5(z), each g a sum of two sines. Because x' and z'
    do not depend on y, the length of a ray in a bent solid is still closed form.

    Attributes:
        amplitude, wave, phase: (6, 2) mm, 1/mm and radians of the six g.
    """

    amplitude: Vector
    wave: Vector
    phase: Vector

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Warp:
        """At most 6 mm in each direction, over wavelengths of 110 to 420 mm (no fold: every |g'| is below 0.2)."""
        wavelength = rng.uniform(110.0, 420.0, (6, 2))
        amplitude = rng.uniform(-1.5, 1.5, (6, 2)) * wavelength / 420.0
        return cls(amplitude, 2 * np.pi / wavelength, rng.uniform(0.0, 2 * np.pi, (6, 2)))

    def _along_x(self, x: AnyFloat) -> AnyFloat:
        """(3, N) what x contributes to x', z' and y'."""
        return self._waves(slice(0, None, 2), x)

    def _along_z(self, z: AnyFloat) -> AnyFloat:
        """(3, N) what z contributes to x', z' and y'."""
        return self._waves(slice(1, None, 2), z)

    def _waves(self, which: slice, at: AnyFloat) -> AnyFloat:
        waves = np.sin(self.wave[which, :, None] * at + self.phase[which, :, None])
        return np.asarray((self.amplitude[which, :, None] * waves).sum(axis=1))

    def film(self, x: Array, z: Array) -> tuple[Array, Array]:
        """(W,) columns x and (H,) rows z to the rays' (H, W) x' and z'."""
        by_x, by_z = self._along_x(x).astype(np.float32), self._along_z(z).astype(np.float32)
        return (x + by_x[0])[None, :] + by_z[0][:, None], (z + by_z[1])[:, None] + by_x[1][None, :]

    def slice(self, x: Array, z: float) -> tuple[Array, Array, Array]:
        """(W,) columns x at the level z to (W,) x', z' and the columns' shift of y."""
        bend = (self._along_x(x) + self._along_z(np.array([z]))).astype(np.float32)
        return x + bend[0], np.float32(z) + bend[1], bend[2]

    def undo(self, points: AnyFloat) -> Vector:
        """(N, 3) bent points x', y', z' back to x, y, z, to 0.02 mm, by fixed-point steps."""
        straight = np.asarray(points, dtype=np.float64)
        for _ in range(2):
            bend = self._along_x(straight[:, 0]) + self._along_z(straight[:, 2])
            straight = np.asarray(points - bend[[0, 2, 1]].T, dtype=np.float64)
        return straight


@dataclass(frozen=True)
class Frame:
    """Who the patient is, and the ellipsoidal rib cage that everything else is measured by.

    Attributes:
        height_cm, bmi: body height and body mass index in kg/m².
        fat: thickness of the subcutaneous fat in mm.
        cage: (3,) semi-axes in mm of the cage's outer surface, an ellipsoid about (0, 0, bottom).
        inner: the pleural cavity's surface as a fraction of the cage's.
        bottom: z in mm of the cage's centre, at which it is widest.
        dome: z in mm of the right diaphragm's top.
    """

    age: int
    sex: str
    height_cm: float
    bmi: float
    fat: float
    cage: Vector
    inner: float
    bottom: float
    dome: float
    warp: Warp

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Frame:
        """A random adult."""
        male = bool(rng.random() < 0.5)
        age = int(rng.integers(20, 91))
        height = float(np.clip(rng.normal(176 if male else 163, 7), 148, 202))
        bmi = float(np.clip(rng.normal(25.5, 4.0), 17.5, 40))
        scale = height / 170
        cage = np.array(
            [
                (134 if male else 127) * scale + rng.normal(0, 4) + 0.4 * (bmi - 25),
                (96 if male else 92) * scale + rng.normal(0, 4) + 0.5 * (bmi - 25) + 0.08 * (age - 50),
                178 * scale + rng.normal(0, 5),
            ]
        )
        fat = float(np.clip(5 + 1.5 * (bmi - 18) + (0 if male else 4) + rng.normal(0, 2), 4, 45))
        dome = -72 * scale + float(rng.normal(0, 7))
        return cls(age, "M" if male else "F", height, bmi, fat, cage, 0.925, -45 * scale, dome, Warp.draw(rng))

    @property
    def scale(self) -> float:
        """Body height as a fraction of 170 cm."""
        return self.height_cm / 170

    @property
    def thoracic_width(self) -> float:
        """The pleural cavity's inner width in mm at the level of the heart."""
        return float(2 * self.cage[0] * self.wall(self.dome + 30))

    def wall(self, z: float) -> float:
        """The pleural cavity's cross-section at the level z, as a fraction of the cage's widest."""
        return float(np.sqrt(max(self.inner**2 - ((z - self.bottom) / self.cage[2]) ** 2, 0.02)))
