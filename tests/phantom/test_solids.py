"""Ellipsoids against ray marching, and unions of intervals against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmed.phantom.solids import Ellipsoids, Occupied, rotation

EVERYWHERE = (slice(None), slice(None))


def marched(solid: Ellipsoids, x: float, z: float, step: float = 0.01) -> float:
    """Length of the ray (x, z) inside one solid by its implicit function, sampled every ``step`` mm."""
    y = np.arange(-80, 80, step)
    point = np.stack([np.full_like(y, x), y, np.full_like(y, z)], axis=1) - solid.centre[0]
    return float((np.einsum("ni,ij,nj->n", point, solid.matrix[0].astype(float), point) <= 1).sum() * step)


def test_rotation_turns_about_x_then_y_then_z() -> None:
    np.testing.assert_allclose(rotation((0, 0, 90)) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation((90, 0, 0)) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation((0, 90, 0)) @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation((90, 0, 90)) @ [0, 1, 0], [0, 0, 1], atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    axes=st.tuples(*[st.floats(3, 40)] * 3),
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    x=st.floats(-30, 30),
    z=st.floats(-30, 30),
)
def test_chord_equals_ray_marching(
    axes: tuple[float, float, float], angles: tuple[float, float, float], x: float, z: float
) -> None:
    solid = Ellipsoids.of([(2.0, -3.0, 1.0)], [axes], [angles])
    ray = np.array([[x]], np.float32), np.array([[z]], np.float32)
    expected = marched(solid, float(ray[0][0, 0]), float(ray[1][0, 0]))
    # A grazing ray's chord is the root of a small difference, where float32 has an error of a few tenths of a mm.
    assert float(solid.chord(*ray)[0, 0]) == pytest.approx(expected, abs=0.03 if expected > 2 else 0.8)
    lo, hi = solid.interval(*ray)
    assert max(float(hi[0, 0] - lo[0, 0]), 0) == pytest.approx(float(solid.chord(*ray)[0, 0]), abs=1e-3)


def test_a_ray_through_a_sphere_s_middle_is_a_diameter_long_and_one_outside_is_missed() -> None:
    sphere = Ellipsoids.of([(0, 5, 0)], [(10, 10, 10)])
    lo, hi = sphere.interval(np.array([[0, 6, 10.1]], np.float32), np.zeros((1, 3), np.float32))
    np.testing.assert_allclose(lo[0, :2], [-5, -3], atol=1e-4)
    np.testing.assert_allclose(hi[0, :2], [15, 13], atol=1e-4)
    assert lo[0, 2] > hi[0, 2]


def test_extent_bounds_a_turned_ellipsoid_tightly() -> None:
    solid = Ellipsoids.of([(0, 0, 0)], [(30, 5, 8)], [(20, 35, 50)])
    unit = np.random.default_rng(0).normal(size=(200_000, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    surface = (unit * [30, 5, 8]) @ rotation((20, 35, 50)).T
    np.testing.assert_allclose(np.abs(surface).max(axis=0), solid.extent[0], rtol=5e-3)


def test_a_rod_covers_its_segment_and_has_its_radius() -> None:
    rod = Ellipsoids.rods(np.array([[0.0, 0, 0]]), np.array([[30.0, 0, 0]]), np.array([4.0]))
    assert rod.extent[0] == pytest.approx([20, 4, 4])
    inside = rod.contains(np.array([[1.0, 15, 29, 36]], np.float32), np.float32(0), np.zeros((1, 4), np.float32))
    assert inside[0].tolist() == [True, True, True, False]


def test_shrunk_scales_the_chord() -> None:
    solid = Ellipsoids.of([(0, 0, 0)], [(10, 12, 9)])
    at = np.zeros((1, 1), np.float32)
    assert solid.shrunk(0.5).chord(at, at)[0, 0] == pytest.approx(12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-60, 60), st.integers(-60, 60)), min_size=1, max_size=8))
def test_union_of_intervals_equals_counting(ends: list[tuple[int, int]]) -> None:
    lo, hi = np.full((1, 1), -40, np.float32), np.full((1, 1), 40, np.float32)
    occupied = Occupied(lo, hi)
    covered = np.zeros(80, dtype=bool)
    for start, stop in ends:
        occupied.insert(np.full((1, 1), start, np.float32), np.full((1, 1), stop, np.float32), EVERYWHERE)
        covered[max(start, -40) + 40 : max(min(stop, 40) + 40, 0)] |= start < stop
    assert occupied.length(EVERYWHERE)[0, 0] == covered.sum()


def test_an_interval_in_a_window_leaves_other_lines_alone() -> None:
    occupied = Occupied(np.zeros((2, 3), np.float32), np.full((2, 3), 10, np.float32))
    window = (slice(0, 1), slice(1, 3))
    occupied.insert(np.full((1, 2), 2, np.float32), np.full((1, 2), 5, np.float32), window)
    occupied.insert(np.full((2, 3), 4, np.float32), np.full((2, 3), 6, np.float32), EVERYWHERE)
    assert occupied.length(EVERYWHERE).tolist() == [[2, 4, 4], [2, 2, 2]]
    assert occupied.length(window).tolist() == [[4, 4]]
