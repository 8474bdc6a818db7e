from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from synthmed.evaluation.intervals import (
    Interval,
    bootstrap,
    bootstrap_defined,
    known,
    other_rows,
    subsets,
)


def test_the_interval_of_a_mean_is_scipys() -> None:
    """Percentile bootstraps with draws of their own: equal up to the noise of 4,000 draws."""
    values = np.random.default_rng(0).exponential(size=60)
    ours = bootstrap(lambda rows: float(values[rows].mean()), 60, draws=4000)
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.03)
    wide = bootstrap(lambda rows: float(values[rows].mean()), 60, level=0.99)
    assert wide[0] < ours[0] < ours[1] < wide[1]


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    """95 % intervals of 100 samples: between 88 and 99 hold the true mean."""
    rng, covered = np.random.default_rng(0), 0
    for seed in range(100):
        values = rng.normal(size=40)
        low, high = bootstrap(lambda rows, values=values: float(values[rows].mean()), 40, draws=200, seed=seed)  # type: ignore[misc]
        covered += low <= 0 <= high
    assert 88 <= covered <= 99


def test_equal_seeds_draw_equally() -> None:
    values = np.arange(9.0)
    ends = [bootstrap(lambda rows: float(values[rows].mean()), 9, draws=50, seed=seed) for seed in (3, 3, 4)]
    assert ends[0] == ends[1] != ends[2]


def test_without_two_rows_or_a_value_there_is_no_interval() -> None:
    assert known(bootstrap(lambda rows: 1.0, 1)) == (None, None)
    assert known(bootstrap(lambda rows: math.nan if rows[0] else 1.0, 2)) == (None, None)
    assert known((0.0, 1.0)) == (0.0, 1.0)


def test_draws_without_a_value_are_left_out_and_counted() -> None:
    """One row of ten has the class: a draw misses it with probability 0.9 ** 10."""
    present = np.arange(10) == 0

    def share(rows: np.ndarray) -> float:
        return float(present[rows].mean()) if present[rows].any() else math.nan

    interval = bootstrap_defined(share, 10, draws=4000)
    assert interval.left_out == pytest.approx(0.9**10, abs=0.03)
    assert interval.low == 0.1
    assert "left out" in str(interval)
    none = bootstrap_defined(share, 10, most=0.2)
    assert (none.low, none.high) == (None, None)
    assert none.left_out > 0.2
    assert str(Interval(0.25, 0.5)) == "0.25 to 0.5"


def test_subsets_draw_each_row_once() -> None:
    drawn = list(subsets(10, 4, draws=300))
    assert len(drawn) == 300
    assert all(len(set(rows.tolist())) == 4 and (np.diff(rows) > 0).all() for rows in drawn)
    # Each row is in 4 of 10 draws: 120 of 300, give or take 4 standard deviations.
    assert np.abs(np.bincount(np.concatenate(drawn), minlength=10) - 120).max() < 34
    assert [rows.tolist() for rows in subsets(3, 3)] == [[0, 1, 2]]
    with pytest.raises(ValueError, match="not so many"):
        next(subsets(3, 4))


@pytest.mark.parametrize("n", [2, 3, 50])
def test_other_rows_are_others(n: int) -> None:
    other = other_rows(n, seed=n)
    assert sorted(other.tolist()) == list(range(n))
    assert (other != np.arange(n)).all()
