"""Neighbourhoods of features: whose rows lie where the other's rows lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
_BLOCK = 512


@dataclass(frozen=True)
class Manifold:
    """A figure a row, whose means are the four measures.

    Attributes:
        precision: (n,) 1.0 where a synthetic row lies in some real row's ball.
        recall: (m,) 1.0 where a real row lies in some synthetic row's ball.
        density: (n,) how many real rows' balls hold the synthetic row, over k.
        coverage: (m,) 1.0 where a real row's ball holds a synthetic row.
    """

    precision: Values
    recall: Values
    density: Values
    coverage: Values


def manifold(real: Features, synthetic: Features, k: int = 5) -> Manifold:
    """Precision and recall (Kynkäänniemi et al., NeurIPS 2019, eq. 1-2), density and coverage (Naeem et al., 2020).

    A row's ball reaches to its k-th nearest other row of its own set, the edge included.

    Args:
        real: (m, d). synthetic: (n, d). m and n are above k.
    """
    if min(len(real), len(synthetic)) <= k:
        raise ValueError(f"{len(real)} and {len(synthetic)} rows; more than k = {k} are needed")
    real_reach, synthetic_reach = _reach(real, k), _reach(synthetic, k)
    balls = np.zeros(len(synthetic))
    covered, recalled = np.zeros(len(real)), np.zeros(len(real))
    for rows, distances in _distances(synthetic, real):
        inside = distances <= real_reach
        balls[rows] = inside.sum(1)
        covered = np.maximum(covered, inside.any(0))
        recalled = np.maximum(recalled, (distances <= synthetic_reach[rows, None]).any(0))
    return Manifold((balls > 0).astype(np.float64), recalled, balls / k, covered)


def _reach(values: Features, k: int) -> Values:
    """(n,) squared distance of each row to its k-th nearest other."""
    found = np.empty(len(values))
    for rows, distances in _distances(values, values):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = np.inf
        found[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return found


def _distances(x: Features, y: Features) -> Iterator[tuple[slice, Values]]:
    """Squared distances of a few rows of x to all of y, in float64: |a|² + |b|² - 2 a · b."""
    # Around y's mean the norms are small, so that little cancels out; equal rows come out at 0 but for rounding.
    centre = y.mean(0, dtype=np.float64)
    all_y = y - centre
    square = (all_y**2).sum(1)
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(x)))
        part = x[rows] - centre
        yield rows, np.maximum((part**2).sum(1)[:, None] + square - 2 * (part @ all_y.T), 0)
