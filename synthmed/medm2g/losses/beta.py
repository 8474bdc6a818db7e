"""The weight of the KL while a text autoencoder is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CyclicBeta:
    """OPTIMUS' β (its ``frange_cycle_zero_linear``; Fu et al., NAACL 2019): 0, then a line up to ``top``, then ``top``.

    Attributes:
        steps: calls of the objective in training that the cycles span: optimiser steps × ``accumulate``. After them
            β stays at ``top``.
        cycles: how many there are, of equal length.
        top: the largest β.
        ratio_zero: share of a cycle at 0.
        ratio_increase: share of a cycle on the line.

    Raises:
        ValueError: no step, no cycle, or shares that are not between 0 and 1 together.
    """

    steps: int
    cycles: int = 1
    top: float = 1.0
    ratio_zero: float = 0.5
    ratio_increase: float = 0.25

    def __post_init__(self) -> None:
        if self.steps < 1 or self.cycles < 1:
            raise ValueError(f"{self.cycles} cycles in {self.steps} steps: both are at least 1")
        if min(self.ratio_zero, self.ratio_increase) < 0 or self.ratio_zero + self.ratio_increase > 1:
            raise ValueError(f"shares {self.ratio_zero} and {self.ratio_increase} of a cycle: at most 1 together")

    def at(self, step: int) -> float:
        """β at a step, counted from 0."""
        if step >= self.steps:
            return self.top
        period = self.steps / self.cycles
        place = (step % period) / period
        if place < self.ratio_zero:
            return 0.0
        rise = place - self.ratio_zero
        return self.top if rise >= self.ratio_increase else self.top * rise / self.ratio_increase
