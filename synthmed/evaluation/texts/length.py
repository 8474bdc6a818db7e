"""The metric ``text_length``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.intervals import bootstrap, known
from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.texts.reports import no_reports, tokens, with_report

_DRAWS = 100


@dataclass(frozen=True)
class TextLength:
    """Words a text: their mean, and the Wasserstein distance of their distribution to real texts', in words.

    ``wasserstein`` and its floor, which is of real texts to other real ones, rest on as many texts each, so that what a
    small sample adds to both is the same.
    """

    name: ClassVar[str] = "text_length"
    summary: ClassVar[str] = "words a text, and how far their distribution is from real texts'"
    goal: ClassVar[Literal["low", "high", "real"]] = "real"
    range: ClassVar[tuple[float, float]] = (0.0, math.inf)
    needs: ClassVar[frozenset[Need]] = frozenset({"report"})
    source: ClassVar[str] = "scipy.stats.wasserstein_distance"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """Parts ``mean`` and, with real texts, ``wasserstein``."""
        own = _lengths(context.synthetic, context)
        theirs = np.zeros(0) if context.real is None else _lengths(context.real, context)
        if not len(own):
            yield from no_reports(self.name, ["mean"], "no synthetic row has a report")
            return
        value, low, high = _mean(own, context.seed)
        figure = Figure(self.name, "mean", {}, value, len(own), low, high)
        if len(theirs):
            floor, floor_low, floor_high = _mean(theirs, context.seed)
            figure = replace(figure, floor=floor, floor_low=floor_low, floor_high=floor_high)
        yield figure
        if len(theirs) > 1:
            yield self._distance(own, theirs, context.seed)

    def _distance(self, own: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], seed: int) -> Figure:
        from scipy.stats import wasserstein_distance

        n = min(len(own), len(theirs) // 2)
        rng = np.random.default_rng(seed)
        apart, alike = [], []
        for _ in range(_DRAWS):
            some, mixed = own[rng.permutation(len(own))[:n]], theirs[rng.permutation(len(theirs))]
            apart.append(wasserstein_distance(some, mixed[:n]))
            alike.append(wasserstein_distance(mixed[n : 2 * n], mixed[:n]))
        (low, high), (floor_low, floor_high) = (np.quantile(values, [0.025, 0.975]) for values in (apart, alike))
        return Figure(
            self.name,
            "wasserstein",
            value=float(np.mean(apart)),
            n=n,
            low=float(low),
            high=float(high),
            floor=float(np.mean(alike)),
            floor_low=float(floor_low),
            floor_high=float(floor_high),
            note=f"words; {n:,} texts on each side, drawn {_DRAWS} times; the intervals are of these draws",
        )


def _lengths(corpus: Corpus, context: Context) -> npt.NDArray[np.float64]:
    found = with_report(corpus, context.limit, context.seed)
    return np.array([len(tokens(facts.report or "")) for facts in found], np.float64)


def _mean(values: npt.NDArray[np.float64], seed: int) -> tuple[float, float | None, float | None]:
    low, high = known(bootstrap(lambda rows: float(values[rows].mean()), len(values), seed=seed))
    return float(values.mean()), low, high
