"""KID and FID against clean-fid, a loop, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from cleanfid.fid import frechet_distance
from cleanfid.fid import kernel_distance as clean_kernel_distance

from synthmed.evaluation.fidelity.fid import fid
from synthmed.evaluation.fidelity.frechet import Moments, frechet, frechet_of_rows
from synthmed.evaluation.fidelity.mmd import kernel_distance


def normal(n: int, d: int, seed: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(d, d)) / np.sqrt(d)
    return (rng.normal(size=(n, d)) @ mixing + shift).astype(np.float32)


def moments(rows: np.ndarray) -> Moments:
    return Moments.of(lambda places: rows[places], np.arange(len(rows)), rows[0].astype(np.float64))


def test_kernel_distance_is_clean_fids() -> None:
    x, y = normal(40, 7, 0), normal(40, 7, 1, 0.3)
    # With as many rows as a subset holds, clean-fid's random subsets are all of them.
    expected = clean_kernel_distance(x.astype(np.float64), y.astype(np.float64), num_subsets=2, max_subset_size=40)
    assert kernel_distance([(x, y)], draws=5).value == pytest.approx(expected, rel=1e-5)


def test_kernel_distance_is_the_loop_and_averages_subsets() -> None:
    def plain(x: np.ndarray, y: np.ndarray) -> float:
        k = lambda a, b: (float(a @ b) / len(a) + 1) ** 3  # noqa: E731
        n, m = len(x), len(y)
        within = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        within += sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
        return within - 2 * sum(k(a, b) for a in x for b in y) / (n * m)

    sets = [(normal(9, 5, s).astype(np.float64), normal(6, 5, s + 10, 0.5).astype(np.float64)) for s in (0, 1)]
    expected = np.mean([plain(x, y) for x, y in sets])
    found = kernel_distance([(x.astype(np.float32), y.astype(np.float32)) for x, y in sets], draws=50)
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert found.low < found.value < found.high


def test_kernel_distance_has_no_bias_and_its_interval_holds() -> None:
    """Two draws of one distribution: the mean is 0, and 0 lies in most intervals."""
    found = [kernel_distance([(normal(60, 4, s), normal(60, 4, s + 500))], draws=100, seed=s) for s in range(60)]
    values = np.array([each.value for each in found])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    assert np.mean([each.low <= 0 <= each.high for each in found]) >= 0.9
    assert np.mean([each.high for each in found]) > 0 > np.mean([each.low for each in found])
    apart = kernel_distance([(normal(60, 4, 0), normal(60, 4, 1, 2.0))], draws=100)
    assert apart.low > np.max(values)


@pytest.mark.parametrize(("n", "m"), [(50, 80), (5, 9)])
def test_frechet_is_clean_fids(n: int, m: int) -> None:
    """More rows than features, and fewer, where the covariances have not full rank."""
    x, y = normal(n, 12, 0), normal(m, 12, 1, 0.2)
    both = [(rows.astype(np.float64).mean(0), np.cov(rows.astype(np.float64), rowvar=False)) for rows in (x, y)]
    expected = frechet_distance(*both[0], *both[1])
    tolerance = 1e-6 if n > 12 else 1e-2  # clean-fid adds 1e-6 to a singular diagonal, whose roots are 1e-3
    assert frechet_of_rows(x, y) == pytest.approx(expected, rel=tolerance)
    assert frechet(moments(x), moments(y)) == pytest.approx(frechet_of_rows(x, y), rel=1e-6)


def test_frechet_of_gaussians_in_closed_form() -> None:
    """Diagonal covariances: Σ (μ - ν)² + (σ - τ)²."""

    def exact(mean: np.ndarray, deviation: np.ndarray) -> Moments:
        n, outer = 10, np.diag(deviation**2) * 9
        return Moments(n, np.zeros_like(mean), outer, mean)

    one = exact(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 0.0]))
    other = exact(np.array([1.0, 1.0, 0.0]), np.array([3.0, 2.0, 1.0]))
    assert frechet(one, other) == pytest.approx(1 + 4 + 4 + 1)
    assert frechet(one, one) == pytest.approx(0, abs=1e-12)


def test_moments_add_up_block_by_block() -> None:
    rows = normal(2500, 3, 4, shift=1000.0)
    whole, part = moments(rows), moments(rows[:700])
    rest = whole.without(Moments.of(lambda places: rows[places], np.arange(700), whole.shift))
    np.testing.assert_allclose(whole.covariance(), np.cov(rows.astype(np.float64), rowvar=False), rtol=1e-6)
    np.testing.assert_allclose(rest.covariance(), np.cov(rows[700:].astype(np.float64), rowvar=False), rtol=1e-6)
    np.testing.assert_allclose(rest.mean(), rows[700:].mean(0, dtype=np.float64))
    assert part.n == 700


@pytest.mark.parametrize("width", [4, 90])
def test_the_interval_is_as_wide_as_fids_scatter(width: int) -> None:
    """The jackknife's width against the scatter of new draws, on both sides of n = d."""
    scatter, widths = [], []
    for seed in range(25):
        x, y = normal(80, width, seed), normal(80, width, seed + 100, 0.5)
        found = fid(x, np.arange(80), y, np.arange(80))
        scatter.append(found.value)
        widths.append((found.high - found.low) / 2 / 1.96)
    assert 0.5 < np.mean(widths) / np.std(scatter) < 2
    assert scipy.linalg.norm(scatter) > 0
