from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthmed.generation.seeds import sample_seed


@given(st.integers(0, 2**63), st.integers(0, 10**9), st.integers(0, 10))
def test_is_a_non_negative_63_bit_number_of_its_arguments(seed: int, index: int, attempt: int) -> None:
    value = sample_seed(seed, index, attempt)
    assert 0 <= value < 2**63
    assert value == sample_seed(seed, index, attempt)


def test_neighbours_share_nothing() -> None:
    values = [sample_seed(seed, index, attempt) for seed in range(10) for index in range(300) for attempt in range(3)]
    assert len(set(values)) == len(values)
    # Uniform over 63 bits: a Kolmogorov distance over 1.63 / sqrt(n) would be one in a hundred.
    ranks = np.sort(np.array(values) / 2**63)
    assert np.abs(ranks - np.arange(len(ranks)) / len(ranks)).max() < 1.63 / len(ranks) ** 0.5
