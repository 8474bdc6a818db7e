"""The metric ``bleu``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.intervals import Places, bootstrap, known, other_rows
from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.overlap import words
from synthmed.evaluation.pairs.matching import NO_PAIRS
from synthmed.evaluation.texts.reports import no_reports, paired_reports

_ORDERS = (1, 2, 3, 4)


@dataclass(frozen=True)
class BLEU:
    """Corpus BLEU-1 … 4 of the synthetic texts against the real ones of the same key, by R2Gen's convention.

    ``BLEU-4 shuffled`` is what the real texts of other rows score: what is gained by sounding like a report alone.

    Args:
        draws: of each interval.
    """

    draws: int = 1000

    name: ClassVar[str] = "bleu"
    summary: ClassVar[str] = "words shared with the real report of the same key: BLEU-1 … BLEU-4"
    goal: ClassVar[Literal["low", "high", "real"]] = "high"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset({"real", "report"})
    source: ClassVar[str] = "Papineni et al. (ACL 2002); equal to pycocoevalcap's and sacrebleu's without smoothing"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """BLEU-1 to BLEU-4, and the last one's control."""
        pairs = paired_reports(context)
        if not pairs:
            yield from no_reports(self.name, [f"BLEU-{order}" for order in _ORDERS], f"{NO_PAIRS}, with a report both")
            return
        real, generated = zip(*pairs, strict=True)
        own = counts(real, generated)
        for order in _ORDERS:
            yield self._figure(f"BLEU-{order}", own, order, context.seed, "")
        if len(pairs) > 1:
            others = counts(real, [real[place] for place in other_rows(len(real), context.seed)])
            yield self._figure("BLEU-4 shuffled", others, 4, context.seed, "the real reports of other rows")

    def _figure(self, part: str, pairs: npt.NDArray[np.int64], order: int, seed: int, note: str) -> Figure:
        value = _of(pairs, order)
        low, high = known(bootstrap(value, len(pairs), draws=self.draws, seed=seed))
        return Figure(self.name, part, {}, value(np.arange(len(pairs))), len(pairs), low, high, note=note)


def counts(references: Sequence[str], generated: Sequence[str]) -> npt.NDArray[np.int64]:
    """What BLEU-4 adds up, pair by pair, so that a draw of pairs needs no words: (n, 10).

    Matching and made n-grams of each order, clipped by the reference; then the two lengths in words.
    """
    rows = []
    for reference, candidate in zip(map(words, references), map(words, generated), strict=True):
        made = [_grams(candidate, order) for order in _ORDERS]
        matched = [sum((grams & _grams(reference, order)).values()) for order, grams in zip(_ORDERS, made, strict=True)]
        rows.append([*matched, *(sum(grams.values()) for grams in made), len(candidate), len(reference)])
    return np.array(rows, np.int64).reshape(-1, 10)


def score(sums: npt.NDArray[np.int64], order: int) -> float:
    """BLEU of the sums of `counts`: exp of the mean log precision up to ``order``, times the brevity penalty."""
    matched, made, (length, reference) = sums[:order], sums[4 : 4 + order], sums[8:]
    if not matched.all():
        return 0.0
    brevity = min(1.0, math.exp(1 - reference / length))
    return brevity * math.exp(float(np.log(matched / made).mean()))


def _of(pairs: npt.NDArray[np.int64], order: int) -> Callable[[Places], float]:
    return lambda places: score(pairs[places].sum(axis=0), order)


def _grams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))
