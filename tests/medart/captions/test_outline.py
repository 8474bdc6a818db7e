"""Forms against closed forms, and the level against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from synthmed.medart.captions.embedded.counting import count_objects
from synthmed.medart.captions.embedded.outline import outline, perimeter
from synthmed.medart.captions.embedded.regions import otsu

ROWS, COLUMNS = np.indices((161, 161)) - 80


def ellipse(long: float, short: float, degrees: float = 0.0) -> np.ndarray:
    turn = np.radians(degrees)
    along = COLUMNS * np.cos(turn) - ROWS * np.sin(turn)
    across = COLUMNS * np.sin(turn) + ROWS * np.cos(turn)
    return (along / long) ** 2 + (across / short) ** 2 <= 1


@pytest.mark.parametrize("radius", [12, 17, 40, 70])
def test_a_discs_perimeter_is_two_pi_r(radius: int) -> None:
    assert perimeter(ellipse(radius, radius)) == pytest.approx(2 * np.pi * radius, rel=0.03)


def test_a_squares_perimeter_and_that_of_a_turned_one() -> None:
    upright = (abs(ROWS) <= 30) & (abs(COLUMNS) <= 30)
    turned = abs(ROWS) + abs(COLUMNS) <= 42
    assert perimeter(upright) == pytest.approx(4 * 61, rel=0.06)
    assert perimeter(turned) == pytest.approx(4 * 42.5 * np.sqrt(2), rel=0.06)


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_an_ellipse_is_found_with_its_axes(degrees: float) -> None:
    found = outline(ellipse(60, 30, degrees))
    assert found is not None
    assert found.axis_ratio == pytest.approx(0.5, abs=0.01)
    assert abs((found.angle - degrees + 90) % 180 - 90) < 1
    assert found.ellipse_overlap > 0.98
    assert found.solidity > 0.97
    assert found.roughness == pytest.approx(1, abs=0.03)
    assert min(found.symmetry) > 0.97


def test_a_half_disc_is_symmetric_about_one_axis_alone() -> None:
    found = outline(ellipse(60, 60) & (ROWS > 0))
    assert found is not None
    assert max(found.symmetry) > 0.97
    # Its centroid is 4r/3π from the diameter (closed form): of the half disc mirrored there, less than 0.85 is left.
    assert min(found.symmetry) < 0.85


def test_an_l_is_hollow_and_a_line_has_no_form() -> None:
    shape = ((abs(ROWS) <= 40) & (abs(COLUMNS) <= 40)) & ~((ROWS < 20) & (COLUMNS > -20))
    found = outline(shape)
    assert found is not None
    # Of the 81 × 81 square 60 × 60 pixels are missing, and the hull cuts the square by the triangle over the gap.
    assert found.solidity == pytest.approx((81**2 - 60**2) / (81**2 - 60**2 / 2), abs=0.02)
    assert found.ellipse_overlap < 0.7
    assert outline(ROWS == 0) is None
    assert outline(np.zeros((9, 9), bool)) is None


def test_otsus_level_has_the_least_variance_within() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(10, 3, 700), rng.normal(30, 5, 300)])

    def within(level: float) -> float:
        low, high = values[values <= level], values[values > level]
        return float(len(low) * low.var() + len(high) * high.var()) if len(low) and len(high) else np.inf

    best = min(within(level) for level in values)
    assert within(otsu(values)) <= 1.01 * best
    assert np.isfinite(otsu(np.full(10, 3.0)))


def test_touching_discs_are_counted_apart() -> None:
    region = np.zeros((120, 160), bool)
    rows, columns = np.indices(region.shape)
    # The third and the fourth touch; the fifth lies over the edge of the picture.
    for row, column in ((25, 25), (25, 80), (70, 40), (70, 65), (119, 130)):
        region |= (rows - row) ** 2 + (columns - column) ** 2 <= 13**2
    assert count_objects(region) == 5
    assert count_objects(np.zeros((20, 20), bool)) == 0
