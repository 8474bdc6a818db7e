"""The texts of a corpus, alone and beside the real ones; figures of as many synthetic texts as real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.evaluation.intervals import Places, subsets
from synthmed.evaluation.metric import Context, Figure
from synthmed.evaluation.overlap import words
from synthmed.evaluation.pairs.matching import matched, rows


def with_report(corpus: Corpus, limit: int, seed: int) -> list[Facts]:
    """The rows that have a text, at most ``limit`` of them, drawn at random."""
    found = [facts for _, facts in rows(corpus, "") if facts.report is not None]
    return [found[place] for place in drawn(len(found), limit, seed)]


def paired_reports(context: Context) -> list[tuple[str, str]]:
    """(real, synthetic) texts of the rows with one key, at most `Context.limit`; see `matched`."""
    if context.real is None:
        return []
    own, theirs = matched(context.synthetic, context.real, "", limit=len(context.synthetic), seed=context.seed)
    texts: list[tuple[str, str]] = []
    for start in range(0, len(own), 1024):
        part = slice(start, start + 1024)
        generated, real = context.synthetic.facts(own[part].tolist()), context.real.facts(theirs[part].tolist())
        for one, other in zip(real, generated, strict=True):
            if one.report is not None and other.report is not None:
                texts.append((one.report, other.report))
    return [texts[place] for place in drawn(len(texts), context.limit, context.seed)]


def drawn(n: int, limit: int, seed: int) -> list[int]:
    """All of ``n`` places, or ``limit`` of them at random, rising."""
    return [int(place) for place in next(subsets(n, min(n, limit), draws=1, seed=seed))]


def tokens(text: str) -> list[str]:
    """The words of R2Gen's cleaner, without its dots between sentences."""
    return [word for word in words(text) if word != "."]


def at_one_size(
    figure: Figure,
    synthetic: Sequence[object],
    real: Sequence[object],
    value: Callable[[Places], float],
    floor: Callable[[Places], float],
    *,
    seed: int,
) -> Figure:
    """``figure`` with a value and a floor that both rest on as many rows, where real rows are given.

    For figures that grow with the number of rows. Of the larger side, 100 draws without replacement are averaged; it
    has an interval where at most half of it is drawn, since larger draws are too alike to tell.

    Args:
        value, floor: get places of ``synthetic`` and of ``real``.
    """
    n = min(len(synthetic), len(real)) if real else len(synthetic)
    own, low, high = _mean(value, len(synthetic), n, seed)
    figure = replace(figure, value=own, low=low, high=high, n=n)
    if not real:
        return figure
    theirs, low, high = _mean(floor, len(real), n, seed)
    return replace(figure, floor=theirs, floor_low=low, floor_high=high)


def _mean(value: Callable[[Places], float], whole: int, n: int, seed: int) -> tuple[float, float | None, float | None]:
    values = np.array([value(places) for places in subsets(whole, n, seed=seed)])
    if n > whole // 2:
        return float(values.mean()), None, None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def no_reports(metric: str, parts: Sequence[str], note: str) -> Iterator[Figure]:
    """Empty figures of all parts, with the reason."""
    for part in parts:
        yield Figure(metric, part, note=note)
