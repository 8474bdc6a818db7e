"""The metric ``label_f1``: whether a text names what its row's labels say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.intervals import Places, bootstrap_defined
from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.texts.parsers import Parser
from synthmed.evaluation.texts.reports import no_reports, with_report
from synthmed.sample import NO_FINDING, NOT_STATED

_PARTS = ("macro", "micro")


@dataclass(frozen=True)
class LabelF1:
    """F1 of the labels that a parser finds in a row's text against the labels that the row states.

    Over the labels that some row states; rows that state none are left out, "no finding" is a row without labels.
    ``… of majority`` is what the most frequent set of labels scores, said of every row; the floor is of real rows.

    Args:
        draws: of each interval.
    """

    draws: int = 1000

    name: ClassVar[str] = "label_f1"
    summary: ClassVar[str] = "labels named in the text against those of the row: macro and micro F1"
    goal: ClassVar[Literal["low", "high", "real"]] = "high"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset({"report", "labels", "parser"})
    source: ClassVar[str] = "equal to scikit-learn's f1_score"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """Parts ``macro``, ``micro``, and both of the majority."""
        parser = context.parser
        if parser is None:
            yield from no_reports(self.name, _PARTS, "no parser was given that finds labels in a text")
            return
        rows = [row for row in with_report(context.synthetic, context.limit, context.seed) if _stated(row)]
        names = sorted({label for row in rows for label in _findings(row.labels)})
        if not names:
            yield from no_reports(self.name, _PARTS, "no synthetic row with a report states a label")
            return
        truth, said = hot([_findings(row.labels) for row in rows], names), _said(parser, rows, names)
        most = Counter(map(tuple, truth.tolist())).most_common(1)[0][0]
        majority = np.broadcast_to(np.array(most, bool), truth.shape)
        real = []
        if context.real is not None:
            real = [row for row in with_report(context.real, context.limit, context.seed) if _stated(row)]
        for part in _PARTS:
            figure = self._figure(part, truth, said, context.seed)
            if real:
                floor = self._figure(
                    part, hot([_findings(row.labels) for row in real], names), _said(parser, real, names), context.seed
                )
                figure = replace(figure, floor=floor.value, floor_low=floor.low, floor_high=floor.high)
            yield figure
        for part in _PARTS:
            constant = ", ".join(name for name, on in zip(names, most, strict=True) if on) or NO_FINDING
            figure = self._figure(part, truth, majority, context.seed)
            yield replace(figure, part=f"{part} of majority", note=f"{constant!r} said of every row")

    def _figure(self, part: str, truth: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_], seed: int) -> Figure:
        def value(places: Places) -> float:
            return float(f1(truth[places], said[places], micro=part == "micro"))

        whole = value(np.arange(len(truth)))
        interval = bootstrap_defined(value, len(truth), draws=self.draws, seed=seed)
        note = f"{interval.left_out:.1%} of the interval's draws had no value" if interval.left_out else ""
        known = None if math.isnan(whole) else whole
        return Figure(self.name, part, {}, known, len(truth), interval.low, interval.high, note=note)


def f1(truth: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_], *, micro: bool) -> float:
    """2 TP / (2 TP + FP + FN) of (rows, labels), of all cells together or as the mean over labels.

    nan where a label is neither true nor said of any row, which has no F1.
    """
    right, wrong = (truth & said).sum(axis=0), (truth ^ said).sum(axis=0)
    if micro:
        right, wrong = right.sum(keepdims=True), wrong.sum(keepdims=True)
    whole = 2.0 * right + wrong
    return float(np.mean(np.divide(2.0 * right, whole, out=np.full(len(whole), math.nan), where=whole > 0)))


def hot(labels: Sequence[Collection[str]], names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """(rows, names): which of the names each row has."""
    return np.array([[name in row for name in names] for row in labels], bool).reshape(-1, len(names))


def _said(parser: Parser, rows: Sequence[Facts], names: Sequence[str]) -> npt.NDArray[np.bool_]:
    return hot([parser(row.report or "") for row in rows], names)


def _stated(facts: Facts) -> bool:
    return bool(facts.labels) and facts.labels != (NOT_STATED,)


def _findings(labels: Collection[str]) -> set[str]:
    return set(labels) - {NO_FINDING, NOT_STATED}
