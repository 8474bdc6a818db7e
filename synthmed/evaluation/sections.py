"""A report's tables: figures by family, requirements, and what was compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from synthmed.evaluation import FAMILIES, family_of
from synthmed.evaluation.gates import Verdict
from synthmed.evaluation.metric import Context, Figure
from synthmed.evaluation.results import Outcome
from synthmed.report.html import Section
from synthmed.report.table import Cell, Table

_GOALS: Mapping[str, str] = {"low": "low", "high": "high", "real": "as real"}
_HEADS = ("figure", "scope", "goal", "value", "95 %", "real", "95 % of real", "n", "extractor")


def compared(context: Context, networks: Sequence[str] | None, reason: str) -> Section:
    """The corpora, the draws, the network that judges, and those that taught.

    Args:
        networks: that the generator was trained with; None where nobody says.
        reason: why no network judges.
    """
    corpora = {"synthetic": context.synthetic, "real": context.real, "training": context.train}
    rows: list[list[Cell]] = [
        [role, corpus.name, len(corpus), _images(corpus.rows, len(corpus)), corpus.digest[:12]]
        for role, corpus in corpora.items()
        if corpus is not None
    ]
    embedder = context.embedder
    judged = (
        f"Features: {embedder.name}, {embedder.width} numbers at {embedder.size} px, weights {embedder.digest[:12]}."
        if embedder
        else f"No network judges: {reason}."
    )
    if networks is None:
        taught = "Which outside networks taught the generator is not told; --trained-with names them or its folder."
    else:
        taught = f"Outside networks that taught the generator: {', '.join(networks) or 'none'}."
    draws = f"Seed {context.seed}; metrics that compare all rows with each other take at most {context.limit} rows."
    beside = "The column real holds the same figure of real rows against other real rows, at the same n where it can."
    table = Table(["rows of", "name", "rows", "images", "digest"], rows)
    return Section("What was compared", [table, judged, *_judges(context), taught, draws, beside])


def _judges(context: Context) -> Iterator[str]:
    """A line for each judge, and one for the space."""
    for (task, image), judge in sorted(context.judges.items()):
        real = "not known" if judge.real is None else f"{judge.real:.3f}"
        yield f"Judge trained on real rows: {task} of {image}, {real} on other real rows, digest {judge.digest[:12]}."
    if context.space is not None:
        yield f"Texts and images are compared in: {context.space.name}, weights {context.space.digest[:12]}."


def requirements(verdicts: Sequence[Verdict]) -> list[Section]:
    """A line a verdict; nothing where nothing was required."""
    rows = [["held" if each.held else "MISSED", str(each.gate), each.found] for each in verdicts]
    return [Section("Requirements", [Table(["", "requirement", "found"], rows)])] if rows else []


def families(outcomes: Sequence[Outcome], *, notes: bool) -> Iterator[Section]:
    """A table of figures a family, and a table of what has no value.

    Args:
        notes: a column of them; a terminal is too narrow for it.
    """
    for family in (*FAMILIES, "Other"):
        own = [outcome for outcome in outcomes if family_of(outcome.metric) == family]
        rows = [
            _line(outcome, figure, notes) for outcome in own for figure in outcome.figures if figure.value is not None
        ]
        if rows:
            yield Section(family, [Table([*_HEADS, *(["note"] if notes else [])], rows)])
    missing = [figure for outcome in outcomes for figure in outcome.figures if figure.value is None]
    if missing:
        lines = [[_name(figure), ", ".join(figure.scope.values()), figure.note or "no value"] for figure in missing]
        yield Section("Without a value", [Table(["figure", "scope", "why"], lines)])


def definitions(outcomes: Sequence[Outcome]) -> Section:
    """What each metric is, and who says so."""
    rows = [
        [each.metric, each.summary, _GOALS.get(each.goal, each.goal), _range(each), each.source] for each in outcomes
    ]
    return Section("Definitions", [Table(["metric", "what it is", "goal", "range", "source"], rows)])


def _line(outcome: Outcome, figure: Figure, notes: bool) -> list[Cell]:
    return [
        _name(figure),
        ", ".join(figure.scope.values()),
        _GOALS.get(outcome.goal, outcome.goal),
        _number(figure.value),
        _interval(figure.low, figure.high),
        _number(figure.floor),
        _interval(figure.floor_low, figure.floor_high),
        figure.n,
        figure.extractor,
        *([figure.note] if notes else []),
    ]


def _name(figure: Figure) -> str:
    return f"{figure.metric}.{figure.part}" if figure.part else figure.metric


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def _range(outcome: Outcome) -> str:
    low, high = ("" if end is None else f"{end:g}" for end in outcome.range)
    return f"{low or '-∞'} to {high or '∞'}"


def _images(rows: Mapping[str, int], n: int) -> str:
    return ", ".join(image if count == n else f"{image} ({count})" for image, count in rows.items())
