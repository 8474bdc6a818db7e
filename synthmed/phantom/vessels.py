"""The lungs' vessels: paths of short rods that leave the hila, thin out and branch."""

from __future__ import annotations

import numpy as np

from synthmed.phantom.frame import Frame
from synthmed.phantom.solids import Ellipsoids, Vector

PATHS, STEPS = 12, 5
"""Paths a lung, and rods a path; from the second step on, a branch leaves the path at every step."""


def draw_vessels(rng: np.random.Generator, frame: Frame) -> Ellipsoids:
    """About 180 rods inside the cavity, 6 mm thick at the hilum and 2.2 mm at the rim."""
    scale = frame.scale
    side = np.repeat([-1.0, 1.0], PATHS)
    count = len(side)
    hilum = np.stack([side * 40, np.full(count, 10.0), np.where(side < 0, 2.0, 8.0)], axis=1) * scale
    outwards = np.stack([side, np.zeros(count), np.zeros(count)], axis=1)
    heading = _unit(rng.normal(size=(count, 3)) * [0.35, 0.8, 1.0] + 0.55 * outwards - [0.0, 0.0, 0.15])
    at = hilum + heading * rng.uniform(0, 10, (count, 1))
    radius = rng.uniform(2.6, 4.2, count) * scale
    lengths = rng.uniform(14, 21, (STEPS, count, 1)) * scale
    branching = rng.normal(0, 0.55, (STEPS, count, 3))
    winding = rng.normal(0, 0.25, (STEPS, count, 3))
    starts, ends, radii = [], [], []
    for step in range(STEPS):
        after = at + heading * lengths[step]
        starts.append(at)
        ends.append(after)
        radii.append(radius)
        if step:
            starts.append(at)
            ends.append(at + _unit(heading + branching[step]) * lengths[step])
            radii.append(radius * 0.75)
        heading = _unit(heading + winding[step] + 0.12 * outwards)
        at, radius = after, radius * 0.76
    start, end, thick = np.concatenate(starts), np.concatenate(ends), np.concatenate(radii)
    within = ((end - [0.0, 0.0, frame.bottom]) / (frame.cage * frame.inner * 0.97)) ** 2
    kept = within.sum(axis=1) < 1
    return Ellipsoids.rods(start[kept], end[kept], np.maximum(thick[kept], 1.1))


def _unit(vectors: Vector) -> Vector:
    return np.asarray(vectors / np.sqrt(np.square(vectors).sum(axis=1, keepdims=True)))
