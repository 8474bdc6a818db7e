"""Effects of switches as paired differences over the other switches and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy import stats

SWITCHES = ("CA", "VI", "LCAG")
Row = tuple[bool, bool, bool, int]
"""CA, VI, LCAG, seed."""


@dataclass(frozen=True)
class Effect:
    """On minus off of one switch.

    Attributes:
        mean: over seeds, of the mean over the other switches.
        spread: standard deviation over seeds of that mean; not a number for one seed.
        low, high: 95 % interval by Student's t with n - 1 degrees of freedom; infinite for one seed.
        seeds: n.
        shown: the interval does not hold 0.
    """

    mean: float
    spread: float
    low: float
    high: float
    seeds: int
    shown: bool


def effect(values: Mapping[Row, float], switch: str) -> Effect:
    """Of a switch on one figure.

    Args:
        values: of every row, each of the eight for the same seeds.
    """
    place = SWITCHES.index(switch)
    seeds = sorted({row[3] for row in values})
    means = []
    for seed in seeds:
        pairs = []
        for others in product((False, True), repeat=2):
            on, off = (values[_row(others, place, state, seed)] for state in (True, False))
            pairs.append(on - off)
        means.append(float(np.mean(pairs)))
    n, mean = len(seeds), float(np.mean(means))
    if n == 1:
        return Effect(mean, float("nan"), float("-inf"), float("inf"), 1, False)
    spread = float(np.std(means, ddof=1))
    half = float(stats.t.ppf(0.975, n - 1)) * spread / n**0.5
    low, high = mean - half, mean + half
    return Effect(mean, spread, low, high, n, bool(low > 0 or high < 0))


def _row(others: Sequence[bool], place: int, state: bool, seed: int) -> Row:
    ca, vi, lcag = [*others[:place], state, *others[place:]]
    return ca, vi, lcag, seed


def as_json(effects: Mapping[str, Mapping[str, Effect]]) -> dict[str, Any]:
    """JSON has neither infinities nor NaN: null."""
    return {
        figure: {
            switch: {key: value if np.isfinite(value) else None for key, value in asdict(one).items()}
            for switch, one in by_switch.items()
        }
        for figure, by_switch in effects.items()
    }
