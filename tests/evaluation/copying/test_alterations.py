from __future__ import annotations

import numpy as np
import pytest
from helpers.corpora import textures

from synthmed.evaluation.copying.alterations import (
    ALTERATIONS,
    blur,
    crop,
    gamma,
    in_turn,
    jpeg,
    noise,
    rotation,
    shift,
)


class Fixed(np.random.Generator):
    """Draws what it is told to."""

    def __init__(self, *values: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.values = list(values)

    def uniform(self, low: float, high: float, size: int | None = None) -> object:
        values = [self.values.pop(0) for _ in range(size or 1)]
        assert all(low <= value <= high for value in values)
        return np.array(values) if size else values[0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [*ALTERATIONS, "all"])
def test_shape_range_and_seed(name: str, channels: int) -> None:
    alteration = in_turn(ALTERATIONS) if name == "all" else ALTERATIONS[name]
    picture = np.repeat(textures(1, 32)[0], channels, axis=0)[:, :, :28]
    altered = [alteration(picture.copy(), np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert altered[0].shape == picture.shape
    assert altered[0].dtype == np.float32
    assert 0 <= altered[0].min() <= altered[0].max() <= 1
    np.testing.assert_array_equal(altered[0], altered[1])
    assert not np.array_equal(altered[0], picture)
    if name != "flip":
        assert not np.array_equal(altered[0], altered[2])


def test_moves_by_hand() -> None:
    ramp = np.tile(np.arange(20, dtype=np.float32) / 20, (20, 1))[None]
    # A tenth of 20 columns: two.
    moved = shift(ramp, Fixed(0.0, -0.1))
    np.testing.assert_allclose(moved[0, :, 2:], ramp[0, :, :-2], atol=1e-6)
    assert (moved[0, :, :2] == 0).all()
    # The middle 80 %, from column 2 to 18: pixel i shows column 2 + 0.8 (i + 0.5) - 0.5.
    window = crop(ramp, Fixed(0.8, 0.1, 0.1))
    np.testing.assert_allclose(window[0, 5], (2 + 0.8 * (np.arange(20) + 0.5) - 0.5) / 20, atol=1e-6)
    # About the centre, which stays; a small turn of a ramp along columns is its slope across rows.
    turned = rotation(ramp, Fixed(10.0))
    assert turned[0, 9:11, 9:11].mean() == pytest.approx(ramp[0, 9:11, 9:11].mean(), abs=1e-6)
    slope = np.gradient(turned[0, 8:12, 8:12].astype(np.float64))
    assert np.degrees(np.arctan2(np.abs(slope[0]).mean(), slope[1].mean())) == pytest.approx(10, abs=1e-3)


def test_light_and_degradation_by_hand() -> None:
    picture = textures(1, 64)[0]
    np.testing.assert_allclose(gamma(picture, Fixed(1.5)), picture**1.5)
    flat = np.full((1, 200, 200), 0.5, np.float32)

    class Noisy(Fixed):
        normal = staticmethod(np.random.default_rng(0).normal)

    assert noise(flat, Noisy(0.05)).std() == pytest.approx(0.05, rel=0.02)
    spot = np.zeros((1, 41, 41), np.float32)
    spot[0, 20, 20] = 1
    spread = blur(spot, Fixed(1.5))[0].astype(np.float64)
    along = np.arange(41) - 20
    assert np.sqrt((spread.sum(axis=0) * along**2).sum() / spread.sum()) == pytest.approx(1.5, rel=0.02)
    assert 0 < np.abs(jpeg(picture, np.random.default_rng(0)) - picture).mean() < 0.03
