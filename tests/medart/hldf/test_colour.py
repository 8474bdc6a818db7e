"""The colour loss against numpy in float64, and when it is due."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.medart.hldf.colour import ColourStep, colour_loss, colour_statistics

GENERATOR = torch.Generator().manual_seed(0)
REAL = torch.rand(3, 3, 5, 7, generator=GENERATOR) * 2 - 1
MADE = torch.randn(3, 3, 4, 6, generator=GENERATOR) * 2  # beyond [-1, 1], and of another size


def test_the_loss_is_the_papers_formula() -> None:
    made, real = MADE.double().numpy(), REAL.double().numpy()
    total = 0.0
    for x, y in zip(made, real, strict=True):
        for channel in range(3):
            total += (x[channel].mean() - y[channel].mean()) ** 2
            total += (np.std(x[channel], ddof=1) - np.std(y[channel], ddof=1)) ** 2
    pair = (colour_statistics(MADE), colour_statistics(REAL))
    assert float(colour_loss(*pair)) == pytest.approx(total / 3, rel=1e-6)
    assert float(colour_loss(*pair, "mean")) == pytest.approx(total / 9, rel=1e-6)
    assert float(colour_loss(pair[1], pair[1])) == 0.0
    wrong: Any = "max"
    with pytest.raises(ValueError, match="'max' is neither"):
        colour_loss(*pair, wrong)


def test_gradients() -> None:
    made, real = MADE.double().requires_grad_(), colour_statistics(REAL.double())
    assert torch.autograd.gradcheck(lambda x: colour_loss(colour_statistics(x), real), made)
    flat = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)  # a deviation of 0 has no slope
    colour_loss(colour_statistics(flat), real[:1].float()).backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


@given(every=st.integers(1, 20), at_start=st.booleans())
def test_due_every_n_steps(every: int, at_start: bool) -> None:
    step = ColourStep(every=every, at_start=at_start)
    expected = [0, *range(every, 100, every)] if at_start else list(range(every, 100, every))
    assert [n for n in range(100) if step.due(n)] == expected


def test_never_due() -> None:
    assert not any(ColourStep(every=0).due(step) for step in range(10))


def test_the_estimators_name() -> None:
    assert ColourStep().estimator == ColourStep(last=20).estimator == "HLDF, exact"
    assert ColourStep(last=2).estimator == "HLDF truncated to the last 2 steps"


@pytest.mark.parametrize(
    "wrong", [{"every": -1}, {"steps": 0}, {"batch": 0}, {"last": 0}, {"last": 21}, {"calls": 3}, {"reduction": "max"}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="colour step"):
        ColourStep(**wrong)
