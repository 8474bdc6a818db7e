from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from synthmed.errors import UserError
from synthmed.evaluation.copying.threshold import Rate, threshold


@given(
    st.lists(st.integers(0, 20).map(lambda value: value / 8), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5]),
)
def test_threshold_against_a_loop(scores: list[float], alarms: float) -> None:
    """The lowest score that no more than the allowed share lies above."""
    allowed = [s for s in scores if sum(other > s for other in scores) <= alarms * len(scores) + 1e-9]
    assert threshold(np.array(scores, np.float32), alarms) == min(allowed)


def test_threshold_of_few_is_the_highest_and_of_none_an_error() -> None:
    assert threshold(np.array([0.3, 0.9, 0.1])) == 0.9
    assert threshold(np.arange(200.0)) == 197
    with pytest.raises(UserError, match="no hold-out image"):
        threshold(np.zeros(0))


def test_rate_counts_what_is_above_and_its_interval_is_exact() -> None:
    rate = Rate.above(np.array([0.5, 0.6, 0.6, 0.7, 0.8], np.float32), float(np.float32(0.6)))
    assert (rate.found, rate.n, rate.value) == (2, 5, 0.4)
    assert rate.interval() == pytest.approx((beta.ppf(0.025, 2, 4), beta.ppf(0.975, 3, 3)))
    assert Rate(0, 100).interval() == pytest.approx((0, 1 - 0.025 ** (1 / 100)))
    assert all(math.isnan(value) for value in (Rate(0, 0).value, *Rate(0, 0).interval()))
