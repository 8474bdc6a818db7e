"""The metrics ``distinct_n`` and ``text_duplicates``: whether texts repeat themselves and each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.intervals import Places, bootstrap, known
from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.overlap import words
from synthmed.evaluation.pairs.matching import rows
from synthmed.evaluation.texts.reports import at_one_size, no_reports, tokens, with_report


def distinct(texts: Sequence[Sequence[str]], order: int) -> float:
    """Different n-grams over all n-grams, of texts in words; in [0, 1], 0 for texts without one."""
    grams = [gram for text in texts for gram in zip(*(text[start:] for start in range(order)), strict=False)]
    return len(set(grams)) / len(grams) if grams else 0.0


def repeated(texts: Sequence[object]) -> float:
    """The share of texts that stand there once before, in [0, 1)."""
    return 1 - len(set(texts)) / len(texts)


@dataclass(frozen=True)
class DistinctN:
    """Distinct-1, -2 and -3 at as many synthetic as real texts, since it falls with the number of words."""

    name: ClassVar[str] = "distinct_n"
    summary: ClassVar[str] = "different words, pairs and triples of words over all of them"
    goal: ClassVar[Literal["low", "high", "real"]] = "real"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset({"report"})
    source: ClassVar[str] = "Li, Galley, Brockett, Gao, Dolan (NAACL 2016)"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """Parts ``1``, ``2`` and ``3``."""
        own, theirs = ([tokens(text) for text in side] for side in _texts(context))
        if not own:
            yield from no_reports(self.name, "123", "no synthetic row has a report")
            return
        for order in (1, 2, 3):
            yield at_one_size(
                Figure(self.name, str(order)), own, theirs, _over(own, order), _over(theirs, order), seed=context.seed
            )


@dataclass(frozen=True)
class TextDuplicates:
    """The share of texts that equal another one after the cleaner, and of those that equal one of the training rows.

    ``repeated`` at as many synthetic as real texts; ``in training`` beside the same share of real rows, whose short
    texts ("no acute findings") equal a training row's too.
    """

    name: ClassVar[str] = "text_duplicates"
    summary: ClassVar[str] = "texts that stand there twice, or stand in the training rows"
    goal: ClassVar[Literal["low", "high", "real"]] = "real"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset({"report"})
    source: ClassVar[str] = "synthmed: equality after R2Gen's cleaner"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """Parts ``repeated`` and, where the training rows are at hand, ``in training``."""
        own, theirs = ([tuple(words(text)) for text in side] for side in _texts(context))
        if not own:
            yield from no_reports(self.name, ["repeated"], "no synthetic row has a report")
            return
        yield at_one_size(
            Figure(self.name, "repeated"),
            own,
            theirs,
            lambda places: repeated([own[place] for place in places]),
            lambda places: repeated([theirs[place] for place in places]),
            seed=context.seed,
        )
        if context.train is None:
            return
        seen = {tuple(words(facts.report)) for _, facts in rows(context.train, "") if facts.report is not None}
        figure = Figure(self.name, "in training", note=f"{len(seen):,} different training texts")
        yield _share(figure, np.array([text in seen for text in own]), np.array([t in seen for t in theirs]), context)


def _share(figure: Figure, own: np.ndarray, theirs: np.ndarray, context: Context) -> Figure:
    def mean(values: np.ndarray) -> tuple[float, float | None, float | None]:
        ends = bootstrap(lambda places: float(values[places].mean()), len(values), seed=context.seed)
        return (float(values.mean()), *known(ends))

    value, low, high = mean(own)
    figure = replace(figure, value=value, low=low, high=high, n=len(own))
    if not len(theirs):
        return figure
    floor, floor_low, floor_high = mean(theirs)
    return replace(figure, floor=floor, floor_low=floor_low, floor_high=floor_high)


def _over(texts: Sequence[Sequence[str]], order: int) -> Callable[[Places], float]:
    return lambda places: distinct([texts[place] for place in places], order)


def _texts(context: Context) -> Iterator[list[str]]:
    for corpus in (context.synthetic, context.real):
        yield _reports(corpus, context) if corpus is not None else []


def _reports(corpus: Corpus, context: Context) -> list[str]:
    return [facts.report or "" for facts in with_report(corpus, context.limit, context.seed)]
