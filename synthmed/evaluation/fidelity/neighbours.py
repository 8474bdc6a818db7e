"""Precision, recall, density and coverage as metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.features import features, take
from synthmed.evaluation.fidelity.deals import Deal, deals, real_of
from synthmed.evaluation.fidelity.estimate import Estimate, figure
from synthmed.evaluation.fidelity.manifold import manifold
from synthmed.evaluation.intervals import bootstrap
from synthmed.evaluation.metric import Context, Figure, Need

K = 5
_HELD = "the interval is over rows, the neighbourhoods held fixed"


@dataclass(frozen=True)
class PrecisionRecall:
    """Which synthetic rows look real, and which real ones have something like them, for each image and label."""

    name: ClassVar[str] = "precision_recall"
    summary: ClassVar[str] = "synthetic rows within the real rows' neighbourhoods, and the other way round"
    goal: ClassVar[Literal["low", "high", "real"]] = "high"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset({"real", "embedder"})
    source: ClassVar[str] = "Kynkäänniemi et al., NeurIPS 2019"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """``precision`` and ``recall`` of each image, and of each label with enough rows."""
        return _figures(self.name, ("precision", "recall"), context)


@dataclass(frozen=True)
class DensityCoverage:
    """How many real neighbourhoods hold a synthetic row, and which real ones hold any, for each image and label.

    Density is 1 in expectation for rows of the real distribution, and has no upper bound.
    """

    name: ClassVar[str] = "density_coverage"
    summary: ClassVar[str] = "real neighbourhoods that hold synthetic rows: how many a row, and how many at all"
    goal: ClassVar[Literal["low", "high", "real"]] = "high"
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    needs: ClassVar[frozenset[Need]] = frozenset({"real", "embedder"})
    source: ClassVar[str] = "Naeem et al., ICML 2020"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """``density`` and ``coverage`` of each image, and of each label with enough rows."""
        return _figures(self.name, ("density", "coverage"), context)


def _figures(metric: str, parts: tuple[str, str], context: Context) -> Iterator[Figure]:
    real, name = real_of(context, metric), context.embedder.name
    for deal in deals(context, metric, limit=context.limit):
        problem = deal.problem or (f"{deal.n} rows; more than k = {K} are needed" if deal.n <= K else "")
        if problem:
            yield from (Deal(deal.scope, problem=problem).refused(metric, part, name) for part in parts)
            continue
        made = take(features(context.synthetic, deal.image, context.embedder, context.cache), deal.synthetic)
        seen = features(real, deal.image, context.embedder, context.cache)
        reference = take(seen, deal.reference)
        found, floor = manifold(reference, made, K), manifold(reference, take(seen, deal.other), K)
        for part in parts:
            ends = [_mean(getattr(each, part), context.seed) for each in (found, floor)]
            yield figure(metric, deal, *ends, part=part, extractor=name, note=f"k = {K}; {_HELD}")


def _mean(values: npt.NDArray[np.float64], seed: int) -> Estimate:
    return Estimate(
        float(values.mean()), *bootstrap(lambda rows: float(values[rows].mean()), len(values), draws=1000, seed=seed)
    )
