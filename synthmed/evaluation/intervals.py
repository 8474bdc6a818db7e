"""How sure a figure is: percentile intervals by the bootstrap (Efron, Annals of Statistics 7, 1979).

They hold for figures that a row drawn twice does not bend: means, AUROC, Dice, BLEU. A figure that counts repeats
(duplicates, distinct words) or compares every row with its nearest one is bent by them; draw such a figure's rows
without replacement instead (`subsets`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Places: TypeAlias = npt.NDArray[np.int64]
"""Rows drawn, by their place from 0."""


@dataclass(frozen=True)
class Interval:
    """An interval of a figure that some draws do not have.

    Attributes:
        low, high: None where too few draws had the figure, or there are fewer than two rows.
        left_out: the share of draws without it, in [0, 1].
    """

    low: float | None
    high: float | None
    left_out: float = 0.0

    def __str__(self) -> str:
        ends = "no interval" if self.low is None else f"{self.low:.3g} to {self.high:.3g}"
        return f"{ends} ({self.left_out:.1%} of the draws had no value and are left out)" if self.left_out else ends


def bootstrap(
    value: Callable[[Places], float], n: int, *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """The percentile interval of ``value`` over ``n`` rows.

    Args:
        value: gets ``n`` row places drawn with replacement.

    Returns:
        (low, high); (nan, nan) below two rows, or where ``value`` is not a number in any draw: see `bootstrap_defined`.
    """
    if n < 2:
        return math.nan, math.nan
    return _ends(_drawn(value, n, draws, seed), level)


def bootstrap_defined(
    value: Callable[[Places], float],
    n: int,
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    most: float = 0.5,
) -> Interval:
    """The interval over the draws in which ``value`` is a number: an AUROC has none in a draw of one class.

    Args:
        most: with a larger share of draws left out there is no interval; what is left would be too friendly.
    """
    if n < 2:
        return Interval(None, None)
    values = _drawn(value, n, draws, seed)
    defined = values[~np.isnan(values)]
    left_out = 1 - len(defined) / draws
    if not len(defined) or left_out > most:
        return Interval(None, None, left_out)
    return Interval(*_ends(defined, level), left_out)


def subsets(n: int, size: int, *, draws: int = 100, seed: int = 0) -> Iterator[Places]:
    """``size`` of ``n`` places without replacement, ``draws`` times; all of them once where ``size`` is ``n``.

    Raises:
        ValueError: ``size`` is above ``n``.
    """
    if size > n:
        raise ValueError(f"{size} of {n} rows: there are not so many")
    rng = np.random.default_rng(seed)
    for _ in range(draws if size < n else 1):
        yield np.sort(rng.permutation(n)[:size])


def other_rows(n: int, seed: int) -> Places:
    """For each of ``n`` rows another one, each taken once and none its own: one cycle through all of at least two."""
    order = np.random.default_rng(seed).permutation(n)
    other: Places = np.empty(n, np.int64)
    other[order] = np.roll(order, -1)
    return other


def known(ends: tuple[float, float]) -> tuple[float | None, float | None]:
    """An interval's ends as a `Figure` takes them: None for what is not a number."""
    low, high = (None if math.isnan(end) else end for end in ends)
    return low, high


def _drawn(value: Callable[[Places], float], n: int, draws: int, seed: int) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.array([value(rng.integers(0, n, n)) for _ in range(draws)], dtype=np.float64)


def _ends(values: npt.NDArray[np.float64], level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
