"""OPTIMUS' cyclic β."""

from __future__ import annotations

import pytest

from synthmed.medm2g.losses.beta import CyclicBeta


def published(steps: int, cycles: int, top: float, zero: float, increase: float) -> list[float]:
    """What OPTIMUS' code does: one value after another, for cycles of a whole number of steps."""
    values = [top] * steps
    period = steps // cycles
    for cycle in range(cycles):
        value = 0.0
        for i in range(period):
            if i < period * zero:
                values[cycle * period + i] = 0.0
            elif value <= top:
                values[cycle * period + i] = value
                value += top / (period * increase)
    return values


@pytest.mark.parametrize(
    ("cycles", "top", "zero", "increase"), [(1, 1.0, 0.5, 0.25), (4, 0.3, 0.5, 0.25), (2, 1, 0.25, 0.5)]
)
def test_it_is_the_published_schedule(cycles: int, top: float, zero: float, increase: float) -> None:
    beta = CyclicBeta(64, cycles, top, zero, increase)
    assert [beta.at(step) for step in range(64)] == pytest.approx(published(64, cycles, top, zero, increase))
    assert {beta.at(64), beta.at(1000)} == {top}
    assert beta.at(0) == 0
    assert max(beta.at(step) for step in range(64)) == top


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"cycles": 0}, {"ratio_zero": 0.8}, {"ratio_increase": -0.1}])
def test_impossible_cycles_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at"):
        CyclicBeta(**{"steps": 10, **wrong})
    assert CyclicBeta(10, ratio_zero=0.5, ratio_increase=0.0).at(5) == 1.0
