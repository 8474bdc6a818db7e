"""All metrics of a context, one by one, each kept as soon as it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synthmed.errors import UserError
from synthmed.evaluation import METRICS
from synthmed.evaluation.kept import Kept
from synthmed.evaluation.metric import Context, Figure
from synthmed.evaluation.needs import Found
from synthmed.evaluation.results import Outcome, finite, finite_or_none
from synthmed.registry import nearest


def chosen(names: Sequence[str] = ()) -> list[str]:
    """The registered metrics of those names, or all, each once.

    Raises:
        UserError: there is no such metric.
    """
    for name in names:
        if name not in METRICS:
            raise UserError(f"metrics: there is no {name!r}{nearest(name, METRICS.names())}")
    return list(dict.fromkeys(names)) or METRICS.names()


def run_metrics(
    context: Context,
    kept: Kept,
    names: Sequence[str] = (),
    *,
    made: Mapping[str, Any] | None = None,
    reasons: Mapping[str, str] | None = None,
    on_metric: Callable[[str], None] = lambda name: None,
    on_figure: Callable[[Figure], None] = lambda figure: None,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Run metrics, or take what is kept of them; then what is kept of the others, by the registry's names.

    A metric whose needs are not met, or that a `UserError` stops, has an outcome that says why; the others go on. Any
    other error is a mistake of the program's and is raised.

    Args:
        names: all registered ones if empty.
        made: metrics with other parameters than the registry's have, by name.
        reasons: why a need is not met, by the need; see `synthmed.evaluation.needs.Found`.
        on_metric: told each name as it begins; ``on_outcome`` as it ends; ``on_figure`` each figure between.

    Raises:
        UserError: there is no such metric, or the folder cannot be written.
    """
    found, outcomes = Found(context, reasons), []
    wanted = chosen(names)
    for name in wanted:
        on_metric(name)
        metric = made[name] if made and name in made else METRICS.get(name)()
        outcome = kept.load(name, metric)
        if outcome is None:
            outcome = _run(name, metric, context, found, on_figure)
            if not outcome.left_out:
                kept.save(metric, outcome)
        outcomes.append(outcome)
        on_outcome(outcome)
    for name in sorted(kept.names() - set(wanted)):
        before = kept.load(name, METRICS.get(name)()) if name in METRICS else None
        outcomes += [before] if before else []
    return outcomes


def _run(name: str, metric: Any, context: Context, found: Found, on_figure: Callable[[Figure], None]) -> Outcome:
    low, high = metric.range
    about = (name, metric.summary, metric.goal, (finite_or_none(low), finite_or_none(high)), metric.source)
    missing = found.missing(metric.needs)
    figures: list[Figure] = []
    if not missing:
        try:
            for figure in metric(context):
                figures.append(finite(figure))
                on_figure(figures[-1])
        except UserError as error:
            missing = str(error)
    if missing:
        # Figures that came before the error stay: they are whole.
        figures.append(Figure(name, note=missing))
    return Outcome(*about, tuple(figures), missing)
