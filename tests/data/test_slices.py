"""Which slices a rule takes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmed.data.slices import slice_indices
from synthmed.errors import UserError


@pytest.mark.parametrize(
    ("rule", "depth", "in_mask", "expected"),
    [
        ("central", 9, None, [4]),
        ("central", 8, None, [4]),
        ("central", 1, None, [0]),
        ("central", 0, None, []),
        ("every:1", 3, None, [0, 1, 2]),
        ("every:4", 12, None, [2, 6, 10]),
        ("every:5", 12, None, [2, 7]),
        ("every:9999", 4, None, [3]),
        ("every:3", 0, None, []),
        ("mask", 5, [False, True, True, False, True], [1, 2, 4]),
        ("mask:2", 5, [False, True, True, False, True], [1, 4]),
        ("mask", 2, [False, False], []),
    ],
)
def test_rules(rule: str, depth: int, in_mask: list[bool] | None, expected: list[int]) -> None:
    assert slice_indices(rule, depth, in_mask) == expected


@given(st.integers(1, 400), st.integers(1, 400))
def test_every_k_spreads_over_the_volume(depth: int, step: int) -> None:
    indices = slice_indices(f"every:{step}", depth)
    assert indices
    assert indices[0] >= 0
    assert indices[-1] < depth
    assert {b - a for a, b in itertools.pairwise(indices)} <= {step}
    # No longer stretch is left out at the end than between two.
    assert depth - 1 - indices[-1] < step


@pytest.mark.parametrize(
    "rule", ["", "all", "every", "every:0", "every:-1", "every:1.5", "mask:0", "central:2", "mask "]
)
def test_no_rule(rule: str) -> None:
    with pytest.raises(UserError, match="write central"):
        slice_indices(rule, 5, [True] * 5)


def test_mask_without_a_mask() -> None:
    with pytest.raises(UserError, match="no mask"):
        slice_indices("mask:2", 5)
