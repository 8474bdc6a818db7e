"""The frame's warp: it keeps rays straight, does not fold, and can be undone."""

from __future__ import annotations

import numpy as np
import pytest

from synthmed.phantom.frame import Frame, Warp
from synthmed.phantom.rays import WARP_MARGIN


@pytest.fixture(params=range(5))
def warp(request: pytest.FixtureRequest) -> Warp:
    return Warp.draw(np.random.default_rng(request.param))


def test_film_and_slice_agree_on_every_column(warp: Warp) -> None:
    x, z = np.linspace(-180, 180, 37, dtype=np.float32), np.linspace(150, -150, 31, dtype=np.float32)
    film_x, film_z = warp.film(x, z)
    slice_x, slice_z, _ = warp.slice(x, float(z[7]))
    np.testing.assert_allclose(film_x[7], slice_x, atol=1e-3)
    np.testing.assert_allclose(film_z[7], slice_z, atol=1e-3)


def test_it_moves_points_by_less_than_the_margin_and_does_not_fold(warp: Warp) -> None:
    x = np.linspace(-200, 200, 401, dtype=np.float32)
    bent_x, bent_z = warp.film(x, -x)
    assert np.abs(bent_x - x).max() < WARP_MARGIN
    assert np.abs(bent_z + x[:, None]).max() < WARP_MARGIN
    assert np.diff(bent_x, axis=1).min() > 0.5


def test_undo_inverts_it(warp: Warp) -> None:
    bent = np.random.default_rng(1).uniform(-120, 120, (50, 3))
    straight = warp.undo(bent)
    for (x, y, z), target in zip(straight, bent, strict=True):
        bent_x, bent_z, shift = warp.slice(np.array([x], np.float32), float(z))
        np.testing.assert_allclose([bent_x[0], y + shift[0], bent_z[0]], target, atol=0.1)


def test_adults_have_plausible_sizes() -> None:
    frames = [Frame.draw(np.random.default_rng(seed)) for seed in range(300)]
    assert 20 <= min(f.age for f in frames) < 25
    assert 85 < max(f.age for f in frames) <= 90
    assert {f.sex for f in frames} == {"F", "M"}
    widths = {sex: np.mean([f.cage[0] for f in frames if f.sex == sex]) for sex in "FM"}
    assert widths["M"] > widths["F"] + 5
    assert all(190 < f.thoracic_width < 330 for f in frames)
