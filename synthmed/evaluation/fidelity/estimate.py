"""A number with its interval, and the jackknife for numbers that repeated rows would bend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from synthmed.evaluation.corpora.groups import Places
from synthmed.evaluation.fidelity.deals import Deal
from synthmed.evaluation.intervals import known
from synthmed.evaluation.metric import Figure

GROUPS = 10
_NORMAL = 1.959963984540054
"""The normal distribution's 97.5 % point."""


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its 95 % interval, NaN where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


def figure(
    metric: str, deal: Deal, found: Estimate, floor: Estimate, *, part: str = "", extractor: str = "", note: str = ""
) -> Figure:
    """The report's line of a value and its floor; ``note`` goes before the deal's own."""
    low, high = known((found.low, found.high))
    floor_low, floor_high = known((floor.low, floor.high))
    return Figure(
        metric,
        part,
        deal.scope,
        found.value,
        deal.n,
        low,
        high,
        known((floor.value, floor.value))[0],
        floor_low,
        floor_high,
        extractor,
        "; ".join(filter(None, (note, deal.note))),
    )


def parts(n: int, count: int = GROUPS) -> Iterator[Places]:
    """Places 0 … n - 1 in ``count`` groups of nearly one size; the rows come in random order already."""
    for group in range(min(count, n)):
        yield np.arange(group, n, min(count, n), dtype=np.int64)


def jackknife(whole: float, without: Callable[[Places], float], n: int, *, least: float = -np.inf) -> Estimate:
    """The delete-a-group jackknife's interval, normal (Quenouille 1956; Tukey 1958).

    A bootstrap's repeated rows would lower a covariance's rank or a set's diversity, and so move the figure itself.

    Args:
        whole: the figure of all n rows.
        without: the figure of all rows but those at the given places.
        least: the interval ends there.
    """
    if n < 2 * GROUPS:
        return Estimate(whole)
    values = np.array([without(group) for group in parts(n)])
    error = np.sqrt((len(values) - 1) / len(values) * ((values - values.mean()) ** 2).sum())
    return Estimate(whole, max(whole - _NORMAL * error, least), whole + _NORMAL * error)
