"""What Med-Art's proofs measure, against other libraries and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.colors import rgb_to_hsv
from scipy import stats
from scores import COLOURS, channel_errors, colours, difference, fd, kid, paired, spread


def test_colours_are_those_of_other_libraries() -> None:
    images = torch.rand(5, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    images[0] = 0  # black has no saturation
    found = colours(images)
    assert found.shape == (5, len(COLOURS))
    shown = images.double().permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found[:, :3], shown.mean((1, 2)), atol=1e-9)
    np.testing.assert_allclose(found[:, 3:6], shown.std((1, 2), ddof=1), atol=1e-9)
    np.testing.assert_allclose(found[:, 6], rgb_to_hsv(shown)[..., 1].mean((1, 2)), atol=1e-9)
    # CIELAB of sRGB's red is (53.24, 80.09, 67.20), of its blue (32.30, 79.19, -107.86).
    halves = torch.zeros(1, 3, 4, 8)
    halves[:, 0, :, :4], halves[:, 2, :, 4:] = 1, 1
    assert colours(halves)[0, 7] == pytest.approx((np.hypot(80.09, 67.20) + np.hypot(79.19, 107.86)) / 2, abs=0.05)


def test_errors_are_of_the_sets_not_of_the_images() -> None:
    real, made = np.zeros((4, 8)), np.zeros((2, 8))
    made[:, 0], made[:, 4] = (0.6, 0.0), (-0.3, -0.3)
    assert channel_errors(made, real) == pytest.approx((0.1, 0.1))


def test_kid_of_sets_of_one_size_is_the_unbiased_cubic_mmd() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6)), rng.normal(0.5, size=(40, 6))

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / 6 + 1) ** 3

    within = sum((kernel(a, a).sum() - np.trace(kernel(a, a))) / (40 * 39) for a in (x, y))
    assert kid(x, y) == pytest.approx(within - 2 * kernel(x, y).mean(), rel=1e-6)
    assert kid(x, y) == kid(x, y)


def test_fd_of_two_sets_is_that_of_their_gaussians() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    assert fd(x, x) == pytest.approx(0, abs=1e-6)
    # Shifted and stretched: |shift|² + (s - 1)² tr(Σ).
    assert fd(2 * x + 3, x) == pytest.approx(
        float(np.square(x.mean(0) + 3).sum() + np.trace(np.cov(x, rowvar=False))), rel=1e-4
    )


def test_a_difference_has_an_interval_around_it() -> None:
    rng = np.random.default_rng(0)
    made, real = [rng.normal(1, 1, (300, 8)) for _ in range(3)], rng.normal(0, 1, (300, 8))
    value, low, high = difference(made, real, 2)
    assert value == pytest.approx(np.mean([one[:, 2].mean() for one in made]) - real[:, 2].mean())
    assert 0.6 < low < value < high < 1.4


def test_seeds_are_paired() -> None:
    row, full = [3.0, 5.0, 4.5], [1.0, 2.0, 2.5]
    low, high = stats.ttest_1samp(np.subtract(row, full), 0).confidence_interval()
    assert paired(row, full, 3) == f"+2.333 ({low:+.3f} to {high:+.3f})"
    assert paired([1.0, -1.0], [0.0, 0.0], 1).endswith(", not shown)")
    assert paired(full, full, 3) == ""
    assert spread(row, 2) == f"4.17 ± {np.std(row, ddof=1):.2f}"
    assert spread([2.0], 1) == "2.0"
