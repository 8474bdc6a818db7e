"""The metric ``rouge_l``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from synthmed.evaluation.intervals import bootstrap, known, other_rows
from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.overlap import rouge_l
from synthmed.evaluation.pairs.matching import NO_PAIRS
from synthmed.evaluation.texts.reports import no_reports, paired_reports


@dataclass(frozen=True)
class ROUGEL:
    """The mean ROUGE-L (β = 1.2, as in pycocoevalcap) of the synthetic texts against the real ones of the same key.

    ``shuffled`` is what the real texts of other rows score.
    """

    name: ClassVar[str] = "rouge_l"
    summary: ClassVar[str] = "longest common run of words with the real report of the same key"
    goal: ClassVar[Literal["low", "high", "real"]] = "high"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset({"real", "report"})
    source: ClassVar[str] = "Lin (2004), recall weighted as in pycocoevalcap"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """The mean over pairs, and its control."""
        pairs = paired_reports(context)
        if not pairs:
            yield from no_reports(self.name, [""], f"{NO_PAIRS}, with a report both")
            return
        real, generated = (list(texts) for texts in zip(*pairs, strict=True))
        yield self._figure("", real, generated, context.seed, "")
        if len(pairs) > 1:
            others = [real[place] for place in other_rows(len(real), context.seed)]
            yield self._figure("shuffled", real, others, context.seed, "the real reports of other rows")

    def _figure(self, part: str, real: Sequence[str], generated: Sequence[str], seed: int, note: str) -> Figure:
        values = np.array(rouge_l(real, generated))
        low, high = known(bootstrap(lambda rows: float(values[rows].mean()), len(values), seed=seed))
        return Figure(self.name, part, {}, float(values.mean()), len(values), low, high, note=note)
