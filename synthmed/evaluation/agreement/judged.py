"""What a judge saw in synthetic rows, ready to be scored on any draw of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from synthmed.evaluation.intervals import Places, bootstrap_defined
from synthmed.evaluation.metric import Figure

WEAK = 0.1
"""A judge that beats chance by less on real rows cannot tell what a synthetic one shows."""
Score: TypeAlias = Callable[[Places], float]
"""Of the rows of one draw."""


@dataclass(frozen=True)
class Judged:
    """Scores of one task on one image.

    Attributes:
        measure: of ``score``, as a report says it.
        score: of the judge's answers against what the same rows say.
        shuffled: against what other rows say: the control, and what the score falls to without agreement.
        n: rows.
        by_name: ``score`` of each label, class or category alone.
        chance: of a blind judge; None where ``shuffled`` tells it, as with organs that lie at one place in every row.
        note: what was left out, and why.
    """

    measure: str
    score: Score
    shuffled: Score
    n: int
    by_name: Mapping[str, Score] = field(default_factory=dict)
    chance: float | None = None
    note: str = ""

    def figures(self, scope: Mapping[str, str], real: float | None, *, draws: int, seed: int) -> Iterator[Figure]:
        """``score``, ``shuffled``, ``relative`` = (score - chance) / (real - chance), and each name's ``score``."""
        note = self.measure + (f"; {self.note}" if self.note else "")
        score = self._figure("score", self.score, scope, note, draws, seed)
        yield replace(score, floor=real)
        yield self._figure("shuffled", self.shuffled, scope, f"{self.measure} against what other rows say", draws, seed)
        yield self._relative(scope, real, draws, seed)
        for name, value in self.by_name.items():
            yield self._figure("score", value, {**scope, "label": name}, self.measure, draws, seed)

    def _relative(self, scope: Mapping[str, str], real: float | None, draws: int, seed: int) -> Figure:
        blind: Score = self.shuffled if self.chance is None else (lambda places: self.chance or 0.0)
        chance = blind(np.arange(self.n))
        if real is None:
            return Figure("agreement", "relative", scope, n=self.n, note="the judge's score on real rows is not known")
        if not real - chance >= WEAK:
            note = f"the judge itself reaches {real:.3f} on real rows, where chance is {chance:.3f}: it cannot judge"
            return Figure("agreement", "relative", scope, n=self.n, note=note)

        def relative(places: Places) -> float:
            low = blind(places)
            # A draw's own chance may reach the judge's score; such a draw has no value.
            return (self.score(places) - low) / (real - low) if real > low else math.nan

        note = f"(score - {chance:.3f}) / ({real:.3f} - {chance:.3f}); the judge's score on real rows is taken as exact"
        return replace(self._figure("relative", relative, scope, note, draws, seed), floor=1.0)

    def _figure(self, part: str, value: Score, scope: Mapping[str, str], note: str, draws: int, seed: int) -> Figure:
        found = value(np.arange(self.n))
        if math.isnan(found):
            return Figure("agreement", part, scope, n=self.n, note=f"{note}; it has no value on these rows")
        interval = bootstrap_defined(value, self.n, draws=draws, seed=seed)
        if interval.left_out:
            note = f"{note}; {interval.left_out:.1%} of the interval's draws had no value and are left out"
        return Figure("agreement", part, scope, found, self.n, interval.low, interval.high, note=note)
