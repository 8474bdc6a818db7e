"""The findings as solids: where each lies in this patient, and what it may replace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from synthmed.phantom.anatomy import Anatomy
from synthmed.phantom.findings import Finding
from synthmed.phantom.frame import Frame
from synthmed.phantom.solids import MISSED, Array, Ellipsoids, Vector

SIGN = {"right": -1.0, "left": 1.0, "": 0.0}


class Region(Protocol):
    """A part of space given by where lines along y enter and leave it."""

    def interval(self, x: Array, z: Array) -> tuple[Array, Array]:
        """``x``, ``z`` broadcast to (K, *S); returns the K intervals of every line, whose union is the region."""
        ...


@dataclass(frozen=True)
class Effusion:
    """Fluid of one side below a surface that rises to the back and along the chest wall (the film's meniscus).

    Attributes:
        depth: thickness in mm of the fluid at the back, at the level ``dome``.
        back: y in mm of the cavity's back wall.
        width: half the cage's width in mm.
    """

    sign: float
    depth: float
    back: float
    dome: float
    width: float

    def interval(self, x: Array, z: Array) -> tuple[Array, Array]:
        """One interval a line: from the fluid's surface to the back wall and beyond."""
        rise = 1.5 * self.depth + 22
        side = np.clip(np.abs(x) / self.width, 0, 1)
        surface = self.back - self.depth * (1 - (z - self.dome) / rise + 1.3 * (side**3 - 0.35))
        # Under the dome's top the recess fills from the bottom, however little the fluid.
        surface = surface - 4.0 * np.maximum(self.dome - 8 - z, 0) * min(self.depth / 30, 1)
        on_side = x * self.sign > 0
        lo = np.where(on_side, surface, MISSED).astype(np.float32)
        return lo, np.where(on_side, MISSED, -MISSED).astype(np.float32)


@dataclass(frozen=True)
class Pneumothorax:
    """Air of one side outside a lung that has shrunk to the ellipsoid ``lung``."""

    sign: float
    lung: Ellipsoids

    def interval(self, x: Array, z: Array) -> tuple[Array, Array]:
        """Two intervals a line: before and behind the lung; one covers the whole line where it misses the lung."""
        lo, hi = self.lung.interval(x, z)
        missed = lo > hi
        on_side = x * self.sign > 0
        front = np.where(missed, MISSED, lo)
        back = np.where(missed, MISSED, hi)
        start = np.concatenate([np.full_like(front, -MISSED), back])
        end = np.concatenate([front, np.full_like(back, MISSED)])
        return np.where(on_side, start, MISSED).astype(np.float32), np.where(on_side, end, -MISSED).astype(np.float32)


@dataclass(frozen=True)
class Lesion:
    """A finding and its region.

    Attributes:
        centre: (3,) bent coordinates in mm of its middle; the axial slice of a main finding goes through it.
        reach: (3,) half sizes in mm of a box about ``centre`` that holds the region, infinite for the pleura's.
        replaces: names of the structures that it takes the place of.
    """

    finding: Finding
    region: Region
    centre: Vector
    reach: Vector
    replaces: tuple[str, ...]


_IN_LUNG = ("lung", "lung vessel")
_IN_CHEST = (*_IN_LUNG, "mediastinal fat")
_IN_WALL = (*_IN_LUNG, "muscle", "fat", "gland", "cortical bone", "trabecular bone")


def place_lesion(rng: np.random.Generator, finding: Finding, anatomy: Anatomy) -> Lesion:
    """The finding's solids in this anatomy."""
    frame, size, sign = anatomy.frame, float(finding.size_mm), SIGN[finding.side]
    if finding.kind == "pleural effusion":
        return _effusion(anatomy, finding)
    if finding.kind == "pneumothorax":
        return _pneumothorax(frame, finding)
    if finding.kind == "cardiomegaly":
        solids = anatomy.organs[anatomy.named("heart", "right atrium")]
        return _solid(finding, solids, solids.centre[0].astype(np.float64), _IN_LUNG)
    if finding.kind == "rib lesion":
        centre = _on_rib(rng, finding, anatomy, sign)
        axes = size / 2 * rng.uniform(0.85, 1.1, (1, 3))
        return _solid(finding, Ellipsoids.of([centre], axes), centre, _IN_WALL)
    if finding.kind in ("mediastinal enlargement", "hilar enlargement"):
        middle = np.array([0.0, -14.0, 42.0]) if finding.kind.startswith("m") else np.array([sign * 50, 6.0, 4.0])
        return _nodes(rng, finding, middle * frame.scale)
    centre = _in_lung(rng, finding, anatomy, sign, size)
    if finding.kind == "atelectasis":
        return _plates(rng, finding, centre, size, sign)
    if finding.kind == "consolidation":
        return _patch(rng, finding, centre, size)
    return _ball(rng, finding, centre, size)


def _solid(finding: Finding, solids: Ellipsoids, centre: Vector, replaces: tuple[str, ...]) -> Lesion:
    reach = (np.abs(solids.centre - centre) + solids.extent).max(axis=0)
    return Lesion(finding, solids, centre, np.asarray(reach, dtype=np.float64), replaces)


def _ball(rng: np.random.Generator, finding: Finding, centre: Vector, size: float) -> Lesion:
    lobes = 1 if size < 12 else 4
    offset = rng.normal(size=(lobes, 3))
    offset *= 0.26 * size / np.linalg.norm(offset, axis=1, keepdims=True)
    offset[0] = 0
    axes = size / 2 * rng.uniform(0.5, 0.72, (lobes, 3))
    axes[0] = size / 2 * rng.uniform(0.88, 1.04, 3)
    return _solid(finding, Ellipsoids.of(centre + offset, axes), centre, _IN_LUNG)


def _patch(rng: np.random.Generator, finding: Finding, centre: Vector, size: float) -> Lesion:
    blobs = 9
    offset = rng.normal(0, 0.24 * size, (blobs, 3)).clip(-0.4 * size, 0.4 * size) * [1.0, 0.9, 0.9]
    offset[0] = 0
    axes = size / 2 * rng.uniform(0.3, 0.6, (blobs, 3))
    return _solid(finding, Ellipsoids.of(centre + offset, axes), centre, _IN_LUNG)


def _plates(rng: np.random.Generator, finding: Finding, centre: Vector, size: float, sign: float) -> Lesion:
    plates = int(rng.integers(1, 4))
    offset = rng.uniform(-10, 10, (plates, 3)) + np.arange(plates)[:, None] * [0.0, 6.0, 13.0]
    offset -= offset.mean(axis=0)
    axes = np.stack(
        [rng.uniform(0.38, 0.5, plates) * size, rng.uniform(0.32, 0.45, plates) * size, rng.uniform(3.5, 6, plates)],
        axis=1,
    )
    angles = [(float(rng.uniform(12, 35)), float(sign * rng.uniform(-8, 25)), 0.0) for _ in range(plates)]
    return _solid(finding, Ellipsoids.of(centre + offset, axes, angles), centre, _IN_LUNG)


def _nodes(rng: np.random.Generator, finding: Finding, centre: Vector) -> Lesion:
    size = float(finding.size_mm)
    count = 5
    spread = [0.3, 0.25, 0.4] if finding.side == "" else [0.22, 0.2, 0.3]
    offset = rng.uniform(-1, 1, (count, 3)) * spread * size
    offset[0] = 0
    if finding.side == "":
        # Nodes on both sides of the great vessels, so that the shadow widens to the right and to the left.
        offset[1:3, 0] = np.array([-0.3, 0.3]) * size + [-14.0, 18.0]
    axes = size / 2 * rng.uniform(0.6, 0.95, (count, 3))
    return _solid(finding, Ellipsoids.of(centre + offset, axes), centre, _IN_CHEST)


def _effusion(anatomy: Anatomy, finding: Finding) -> Lesion:
    frame, sign, size = anatomy.frame, SIGN[finding.side], float(finding.size_mm)
    which = anatomy.named("right dome" if sign < 0 else "left dome")[0]
    dome = float(anatomy.organs.centre[which, 2] + anatomy.organs.extent[which, 2])
    back = float(frame.cage[1]) * frame.wall(dome)
    region = Effusion(sign, size, back, dome, float(frame.cage[0]) * frame.wall(dome))
    centre = np.array([sign * 0.55 * frame.cage[0], back - size / 2, dome + 2 + 0.2 * size])
    return Lesion(finding, region, centre, np.full(3, np.inf), _IN_LUNG)


def _pneumothorax(frame: Frame, finding: Finding) -> Lesion:
    sign, size = SIGN[finding.side], float(finding.size_mm)
    gap = np.array([1.0, 0.3, 1.15]) * size
    lung = Ellipsoids.of([[0.0, 0.2 * size, frame.bottom]], [frame.cage * frame.inner - gap])
    centre = np.array([sign * 0.7 * frame.cage[0], -0.2 * frame.cage[1], 30 * frame.scale])
    return Lesion(finding, Pneumothorax(sign, lung), centre, np.full(3, np.inf), _IN_LUNG)


def _on_rib(rng: np.random.Generator, finding: Finding, anatomy: Anatomy, sign: float) -> Vector:
    """A point in the middle of the shell on the named rib, at the back, the side or the front."""
    frame, ribs = anatomy.frame, anatomy.ribs
    number = int(finding.place.split("th")[0])
    angle = float(rng.uniform(25, 105))
    z = 0.0
    x = y = 0.0
    for _ in range(6):
        ring = (frame.wall(z) + (1 - frame.inner) / 2) * frame.cage[:2]
        x, y = sign * ring[0] * np.sin(np.radians(angle)), ring[1] * np.cos(np.radians(angle))
        z = ribs.height(number, float(x), float(y))
    return np.array([x, y, z])


_ZONES = {"upper lobe": (0.58, 0.84), "middle lobe": (0.20, 0.46), "lingula": (0.24, 0.46), "lower lobe": (0.10, 0.44)}


def _in_lung(rng: np.random.Generator, finding: Finding, anatomy: Anatomy, sign: float, size: float) -> Vector:
    """A point of the lobe in free lung, about a radius away from the organs where there is room."""
    frame = anatomy.frame
    low, high = _ZONES[finding.place]
    apex = frame.bottom + frame.inner * float(frame.cage[2])
    tries = 16
    z = frame.dome + (apex - frame.dome) * rng.uniform(low, high, tries)
    depth = np.where(finding.place == "lower lobe", rng.uniform(0.1, 0.62, tries), rng.uniform(-0.55, -0.05, tries))
    if finding.place == "upper lobe":
        depth = rng.uniform(-0.5, 0.4, tries)
    wall = np.array([frame.wall(float(level)) for level in z])
    y = depth * frame.cage[1] * wall / frame.inner
    half = np.sqrt(np.maximum(wall**2 - (y / frame.cage[1]) ** 2, 0.01)) * frame.cage[0]
    rim = np.minimum(size / 2, 0.3 * half)
    x = 36.0 + (half - rim - 36.0) * rng.uniform(0.2, 1.0, tries)
    points = np.stack([sign * x, y, z], axis=1)
    clear = _clearance(anatomy, points)
    wanted = min(size / 2, 14.0)
    return np.asarray(points[int(np.argmax(np.minimum(clear, wanted)))])


_STEPS = np.array([4.0, 8.0, 12.0, 16.0])
_SHIFTS = np.concatenate([_STEPS[:, None, None] * [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, -1]]])


def _clearance(anatomy: Anatomy, points: Vector) -> Vector:
    """(N,) mm, in steps of 4 to 16, that the points (N, 3) can be moved to any side without meeting an organ."""
    x, y, z = np.moveaxis((points[:, None, None] + _SHIFTS).astype(np.float32), -1, 0)
    levels = np.maximum(z[None], anatomy.domes[:, None, None, None])
    met = anatomy.organs.contains(x[None], y[None], levels).any(axis=(0, 3))
    return np.asarray(np.where(met, _STEPS - 4, 16.0).min(axis=1))


def main_level(lesions: Sequence[Lesion], rng: np.random.Generator, frame: Frame) -> float:
    """z in mm of the axial slice: through the main finding, or anywhere between dome and apex without one."""
    anywhere = float(rng.uniform(-45, 70)) * frame.scale
    return float(frame.warp.undo(lesions[0].centre[None])[0, 2]) if lesions else anywhere
