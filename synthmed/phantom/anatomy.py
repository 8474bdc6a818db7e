"""The healthy thorax: its organs as ellipsoids in the frame's bent coordinates, placed by the size of the cage."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from synthmed.phantom.frame import Frame
from synthmed.phantom.ribs import Ribs
from synthmed.phantom.solids import Ellipsoids, Vector
from synthmed.phantom.spine import Spine
from synthmed.phantom.trunk import Trunk
from synthmed.phantom.vessels import draw_vessels


@dataclass
class Organs:
    """Named ellipsoids in the order in which they are laid over one another."""

    structures: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    _centres: list[npt.ArrayLike] = field(default_factory=list)
    _axes: list[npt.ArrayLike] = field(default_factory=list)
    _angles: list[tuple[float, float, float]] = field(default_factory=list)

    def add(
        self,
        name: str,
        structure: str,
        centre: npt.ArrayLike,
        axes: npt.ArrayLike,
        angles: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        """One ellipsoid: centre and semi-axes in mm, angles about x, y, z in degrees."""
        self.names.append(name)
        self.structures.append(structure)
        self._centres.append(centre)
        self._axes.append(axes)
        self._angles.append(angles)

    def rod(self, name: str, structure: str, start: Vector, end: Vector, radius: float) -> None:
        """One long ellipsoid about the segment from ``start`` to ``end``."""
        x, y, z = (end - start).tolist()
        level, rise = math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))
        self.add(name, structure, (start + end) / 2, (math.hypot(x, y, z) / 1.5, radius, radius), (0.0, -rise, level))

    def solids(self) -> Ellipsoids:
        """All of them, in order."""
        return Ellipsoids.of(self._centres, self._axes, self._angles)


@dataclass(frozen=True)
class Anatomy:
    """One patient without findings.

    Attributes:
        organs: soft organs and airways; each lies over those before it, inside the cavity only.
        structures, names: of the organs.
        domes: z in mm below which an organ goes on downwards as a cylinder (the diaphragm), -inf for the others.
        wall: fat planes, clavicles, scapulae, humeral heads and breastbone, in the muscle of the chest wall.
        vessels: the lungs' vessels.
        breasts: outside the chest wall.
        base: z in mm on which the heart stands.
    """

    frame: Frame
    trunk: Trunk
    ribs: Ribs
    spine: Spine
    organs: Ellipsoids
    structures: list[str]
    names: list[str]
    domes: npt.NDArray[np.float32]
    wall: Ellipsoids
    wall_structures: list[str]
    vessels: Ellipsoids
    breasts: Ellipsoids
    base: float

    def heart(self, ratio: float) -> Ellipsoids:
        """Ventricles and right atrium of a heart that takes ``ratio`` of the thorax's width."""
        centres, axes, angles = heart_parts(self.frame, self.base, ratio)
        return Ellipsoids.of(centres, axes, [angles, (0.0, 0.0, 0.0)])

    def named(self, *names: str) -> npt.NDArray[np.intp]:
        """Indices of the organs of these names."""
        return np.array([i for i, name in enumerate(self.names) if name in names], dtype=np.intp)


def draw_anatomy(rng: np.random.Generator, frame: Frame, heart: float, raised: tuple[float, float]) -> Anatomy:
    """A patient's organs; the heart takes the fraction ``heart`` of the thorax's width.

    ``raised`` lifts the right and the left diaphragm by so many mm (volume loss).
    """
    width, depth, _ = frame.cage
    scale = frame.scale
    right, left = frame.dome + raised[0], frame.dome - float(rng.uniform(6, 14)) * scale + raised[1]
    organs = Organs()
    jitter = rng.uniform(0.93, 1.07, 16)
    organs.add("mediastinum", "mediastinal fat", (0, -5, 35 * scale), (26 * scale * jitter[0], 82 * scale, 130 * scale))
    drop = 62 * scale * jitter[1]
    organs.add("right dome", "liver", (-0.46 * width, -8, right - drop), (0.53 * width, 0.93 * depth, drop))
    organs.add("left dome", "abdominal fat", (0.46 * width, -6, left - drop), (0.53 * width, 0.92 * depth, drop))
    organs.add("middle dome", "liver", (0, -24, right - 22 * scale - drop), (0.55 * width, 0.62 * depth, drop))
    _add_vessels(organs, scale, jitter)
    _add_heart(organs, frame, left, heart)
    _add_airways(organs, scale)
    organs.add("stomach", "stomach", (0.40 * width, -8, left - 48 * scale), (0.32 * width, 46 * scale, 38 * scale))
    bubble = (0.42 * width, -24, left - 26 * scale)
    organs.add("stomach gas", "stomach gas", bubble, (30 * scale * jitter[9], 32 * scale, 16 * scale * jitter[10]))
    organs.add("spleen", "spleen", (0.66 * width, 38, left - 48 * scale), (27 * scale, 42 * scale, 42 * scale))
    wall = _wall(rng, frame)
    domes = np.full(len(organs.names), -np.inf, dtype=np.float32)
    domes[1:4] = right - drop, left - drop, right - 22 * scale - drop
    return Anatomy(
        frame=frame,
        trunk=Trunk.of(frame),
        ribs=Ribs.draw(rng, frame),
        spine=Spine.draw(rng, frame),
        organs=organs.solids(),
        structures=organs.structures,
        names=organs.names,
        domes=domes,
        wall=wall.solids(),
        wall_structures=wall.structures,
        vessels=draw_vessels(rng, frame),
        breasts=_breasts(rng, frame),
        base=left,
    )


def heart_parts(
    frame: Frame, base: float, ratio: float
) -> tuple[tuple[Vector, Vector], tuple[Vector, Vector], tuple[float, float, float]]:
    """Centres and semi-axes of ventricles and right atrium, and the first one's angles.

    The heart is about ``ratio`` of the thorax wide and stands on the left diaphragm at z = ``base``.
    """
    half = ratio * frame.thoracic_width / 2
    axes = np.array([1.0, 0.76, 0.84]) * half
    centre = np.array([0.27 * half, -28.0 * frame.scale, base + 0.62 * half])
    atrium = centre + axes * [-0.62, 0.22, 0.06]
    return (centre, atrium), (axes, axes * [0.55, 0.66, 0.74]), (0.0, 28.0, -25.0)


def _add_heart(organs: Organs, frame: Frame, base: float, ratio: float) -> None:
    (centre, atrium), (axes, atrium_axes), angles = heart_parts(frame, base, ratio)
    organs.add("heart", "myocardium", centre, axes, angles)
    organs.add("right atrium", "chamber", atrium, atrium_axes)
    organs.add("left ventricle", "chamber", centre + axes * [0.34, 0.05, -0.14], axes * [0.42, 0.42, 0.40], angles)
    organs.add("right ventricle", "chamber", centre + axes * [0.02, -0.52, -0.10], axes * [0.52, 0.24, 0.50], angles)
    organs.add("left atrium", "chamber", centre + axes * [-0.16, 0.78, 0.30], axes * [0.55, 0.30, 0.42])


def _add_vessels(organs: Organs, scale: float, jitter: Vector) -> None:
    def at(x: float, y: float, z: float) -> Vector:
        return np.array([x, y, z]) * scale

    vessel = "great vessel"
    organs.rod("ascending aorta", vessel, at(-12, -22, 5), at(-12, -22, 48), 15.5 * scale * jitter[3])
    organs.rod("aortic arch", vessel, at(-12, -22, 50), at(25, 44, 47), 14.5 * scale * jitter[4])
    organs.rod("descending aorta", vessel, at(25, 45, 50), at(13, 48, -170), 13.5 * scale * jitter[5])
    organs.rod("vena cava", vessel, at(-25, -16, 85), at(-26, -12, 0), 9.5 * scale)
    organs.rod("pulmonary trunk", vessel, at(15, -34, 0), at(16, -14, 28), 15 * scale * jitter[6])
    organs.rod("right pulmonary artery", vessel, at(8, -8, 14), at(-44, 4, -2), 11.5 * scale * jitter[7])
    organs.rod("left pulmonary artery", vessel, at(16, -10, 22), at(46, 12, 10), 11.5 * scale * jitter[8])
    organs.rod("brachiocephalic vein", vessel, at(30, -30, 92), at(-22, -26, 74), 7 * scale)
    organs.rod("left carotid", vessel, at(14, 4, 50), at(26, 8, 150), 5.5 * scale)
    organs.rod("right carotid", vessel, at(-10, -6, 50), at(-24, 2, 150), 6 * scale)


def _add_airways(organs: Organs, scale: float) -> None:
    def at(x: float, y: float, z: float) -> Vector:
        return np.array([x, y, z]) * scale

    organs.rod("trachea", "airway", at(0, 4, 190), at(1, 18, 26), 9.5 * scale)
    organs.rod("right bronchus", "airway", at(0, 18, 30), at(-36, 22, 4), 7.5 * scale)
    organs.rod("left bronchus", "airway", at(2, 18, 30), at(40, 26, 6), 6.5 * scale)


def _wall(rng: np.random.Generator, frame: Frame) -> Organs:
    scale, (width, depth, _) = frame.scale, frame.cage
    wall = Organs()
    tilt = float(rng.uniform(-6, 10))
    top = 93 * scale
    for side in (-1.0, 1.0):
        armpit = (side * (0.97 * width + 6), -8, 66 * scale)
        wall.add("armpit", "fat", armpit, (17 * scale, 44 * scale, 40 * scale), (0.0, side * 16.0, side * 12.0))
        plane = (side * (0.99 * width + 6), 26, -20 * scale)
        wall.add("fat plane", "fat", plane, (3.5, 50 * scale, 80 * scale), (0.0, side * 8.0, side * 24.0))
        inner = np.array([side * 14 * scale, -0.62 * depth, top])
        bend = np.array([side * 80 * scale, -0.66 * depth, top + (8 + tilt) * scale])
        outer = np.array([side * 158 * scale, -0.12 * depth, top + (20 + tilt) * scale])
        wall.rod("clavicle", "cortical bone", inner, bend, 6.3 * scale)
        wall.rod("clavicle", "cortical bone", bend, outer, 5.8 * scale)
        blade = (side * (0.86 * width + 6), 0.56 * depth, 50 * scale)
        wall.add("scapula", "trabecular bone", blade, (40 * scale, 6, 66 * scale), (0.0, side * 8.0, side * -38.0))
        head = (side * 182 * scale, 4, top + 10 * scale)
        wall.add("humerus", "trabecular bone", head, (25 * scale, 25 * scale, 27 * scale))
    plate = (20 * scale, 6.5, 78 * scale)
    wall.add("breastbone", "trabecular bone", (0, -0.93 * depth, 32 * scale), plate, (-15.0, 0.0, 0.0))
    return wall


def _breasts(rng: np.random.Generator, frame: Frame) -> Ellipsoids:
    width, depth, _ = frame.cage
    size = float(rng.uniform(0.8, 1.25)) if frame.sex == "F" else 0.0
    axes = np.array([0.42 * width, 0.34 * depth, 52 * frame.scale]) * max(size, 0.01)
    y = -(depth + 8 + 0.5 * frame.fat)
    return Ellipsoids.of([[side * 0.5 * width, y, -22 * frame.scale] for side in (-1, 1)], [axes, axes])
