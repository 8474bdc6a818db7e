"""Halves, spots, lines and grain on drawn pictures where they are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from synthmed.medart.captions.embedded.measure import measure

ROWS, COLUMNS = np.indices((120, 140))


def grey(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    return np.repeat(np.clip(levels, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def body() -> npt.NDArray[np.float64]:
    inside = ((ROWS - 60) / 50) ** 2 + ((COLUMNS - 70) / 60) ** 2 <= 1
    return np.where(inside, 90.0, 0.0)


def test_the_brighter_side_and_a_spot_within_a_body() -> None:
    levels = body()
    spot = (ROWS - 60) ** 2 + (COLUMNS - 38) ** 2 < 10**2
    levels[spot] = 230
    # A bright skull around it is no bright area.
    rim = (levels > 0) & (((ROWS - 60) / 46) ** 2 + ((COLUMNS - 70) / 56) ** 2 > 1)
    levels[rim] = 250
    seen = measure(grey(levels), "body")
    assert seen.sides > 2.5
    assert seen.extent == pytest.approx(float((levels > 0).mean()), abs=0.03)
    assert seen.bright_area is not None
    assert seen.bright_area.place == pytest.approx((60.5 / 120, 38.5 / 140), abs=0.03)
    mirrored = measure(grey(levels[:, ::-1]), "body")
    assert mirrored.sides == pytest.approx(-seen.sides, abs=0.5)
    turned = measure(grey(levels[::-1].T), "body")
    assert turned.vertical == pytest.approx(seen.sides, abs=0.5)


def test_lung_fields_are_told_by_side() -> None:
    levels = np.full(ROWS.shape, 200.0)
    levels[30:90, 20:55] = 40
    levels[40:80, 90:115] = 40
    levels[:, :6] = 30  # air beside the body
    seen = measure(grey(levels), "field")
    assert seen.lungs == pytest.approx((60 * 35 / levels.size, 40 * 25 / levels.size), rel=0.08)


def test_a_lung_that_hangs_together_with_the_air_is_not_told() -> None:
    levels = np.full(ROWS.shape, 200.0)
    levels[30:90, 30:60] = 40
    levels[40:80, 85:] = 40  # one field runs out of the picture
    assert measure(grey(levels), "field").lungs == (0, 0)
    levels[40:80, 115:] = 200
    levels[0:18, 40:100] = 40  # the dark above a neck
    levels[30:90, 4:12] = 40  # a shoulder
    seen = measure(grey(levels), "field")
    assert seen.lungs == pytest.approx((60 * 30 / levels.size, 40 * 30 / levels.size), rel=0.08)


def test_lines_and_grain() -> None:
    flat = np.full(ROWS.shape, 150.0)
    plain = measure(grey(flat), "field")
    assert (plain.lines, plain.grain) == (0, pytest.approx(0, abs=1e-6))
    hairs = flat.copy()
    hairs[20:100, 30::40] = 20
    assert measure(grey(hairs), "field").lines == pytest.approx(80 * 3 / flat.size, rel=0.3)
    noise = np.random.default_rng(0).normal(0, 1, flat.shape)
    grains = [measure(grey(flat + scale * noise), "field").grain for scale in (3, 10, 30)]
    assert grains == sorted(grains)
    assert measure(grey(flat + 5 * noise), "field").lines == 0
