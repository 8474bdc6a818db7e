from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from synthmed.data.rle import decode_rle, is_rle
from synthmed.errors import UserError


def encode(mask: np.ndarray) -> str:
    """Gaps and lengths down the columns, by counting."""
    numbers, gap, length = [], 0, 0
    for value in [*mask.T.ravel(), 0]:
        if value:
            length += 1
        elif length:
            numbers += [gap, length]
            gap, length = 1, 0
        else:
            gap += 1
    return " ".join(map(str, numbers)) or "-1"


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 9)), elements=st.integers(0, 1)))
def test_round_trip(mask):
    text = encode(mask)
    assert is_rle(text)
    decoded = decode_rle(text, *mask.shape)
    assert decoded.shape == (1, *mask.shape)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded[0], mask)


def test_runs_go_down_the_columns_and_gaps_are_relative():
    # By hand: pixels 1, 2 and, one further, 4 of columns of 3 rows.
    np.testing.assert_array_equal(decode_rle(" 1 2 1 1", 3, 2)[0], [[0, 0], [1, 1], [1, 0]])


@pytest.mark.parametrize("text", ["", "-1", " -1 "])
def test_empty(text):
    assert not decode_rle(text, 4, 3).any()


@pytest.mark.parametrize(
    "text", ["1", "1 2 3", "-1 2", "1 -2", "a b", "1.0 2", "0 13", "12 1", "0 6 1 6", "9" * 30 + " 1"]
)
def test_refused(text):
    with pytest.raises(UserError, match="run lengths"):
        decode_rle(text, 4, 3)
