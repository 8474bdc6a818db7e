"""A comparison's tables: the primary figure with what each arm adds, the other figures, and the subgroups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from synthmed.downstream.cell import Cell
from synthmed.downstream.suite.comparisons import Amount, Comparison, Line
from synthmed.evaluation.intervals import Interval
from synthmed.report.table import Cell as Entry
from synthmed.report.table import Table

NONE = "–"


def main_table(comparison: Comparison, *, whole: bool = True) -> Table:
    """A line an arm and amount.

    Args:
        whole: with the bootstrap's intervals and the notes; a terminal is too narrow for them.

    Where the task is not learnt, or nothing is compared, there are no columns of differences.
    """
    heads = ["amount", "arm", "real rows", "synthetic rows", f"{comparison.figure} ± SD", "seeds"]
    rows: list[list[Entry]] = [_trained(line) for line in comparison.lines]
    if comparison.released:
        heads.append("real, 100 %")
        rows = [[*row, _figure(comparison.full)] for row in rows]
    if comparison.effects:
        heads += ["difference from real alone" if comparison.released else "gain over real alone", "95 %, t"]
        heads += ["95 %, seeds", "95 %, patients and seeds"] if whole else []
        heads += ["p", "p, Holm"]
        rows = [[*row, *_effect(line, whole)] for row, line in zip(rows, comparison.lines, strict=True)]
    if any(line.gain for line in comparison.lines):
        heads.append("verdict")
        verdicts = ["reference" if line.gain is None else line.gain.verdict for line in comparison.lines]
        rows = [[*row, verdict] for row, verdict in zip(rows, verdicts, strict=True)]
    if whole and any(notes := [note(line) for line in comparison.lines]):
        heads.append("note")
        rows = [[*row, said] for row, said in zip(rows, notes, strict=True)]
    return Table(heads, rows)


def note(line: Line) -> str:
    """What a line's numbers leave unsaid; ``""`` where nothing."""
    missing = len(line.cells) - len(line.values)
    said = [
        line.gain.note if line.gain is not None else "",
        f"{missing} of {len(line.cells)} seeds have no value" if missing else "",
        f"{line.over_rows.left_out:.1%} of the draws of patients had no value"
        if line.over_rows is not None and line.over_rows.left_out
        else "",
    ]
    return "; ".join(filter(None, said))


def other_tables(comparison: Comparison) -> Iterator[tuple[str, Table]]:
    """The figures besides the primary one, of all test rows: an amount and its table, a column an arm."""
    names = _names(comparison)
    figures = [name for name in names if "@" not in name and name != comparison.figure]
    for amount, lines in _by_amount(comparison):
        rows: list[list[Entry]] = [[name, *(_over_seeds(line.cells, name) for line in lines)] for name in figures]
        if rows:
            yield amount, Table(["figure", *(line.arm for line in lines)], rows)


def subgroup_tables(comparison: Comparison, sizes: Mapping[str, int]) -> Iterator[tuple[str, Table]]:
    """The primary figure of some test rows alone: an amount and its table, a column an arm.

    Args:
        sizes: how many test rows each has, by ``<attribute>=<group>``.
    """
    marks = [name for name in _names(comparison) if "@" in name]
    groups = [name.partition("@")[2] for name in marks]
    for amount, lines in _by_amount(comparison):
        rows: list[list[Entry]] = [
            [
                *group.partition("=")[::2],
                str(sizes.get(group, NONE)),
                *(_over_seeds(line.cells, mark) for line in lines),
            ]
            for mark, group in zip(marks, groups, strict=True)
        ]
        if rows:
            yield amount, Table(["attribute", "group", "test rows", *(line.arm for line in lines)], rows)


def share(amount: Amount) -> str:
    """``10 %`` for 0.1, ``50 rows`` for 50."""
    return f"{100 * amount:g} %" if isinstance(amount, float) else f"{amount} rows"


def ends(low: float | None, high: float | None) -> str:
    """An interval of differences."""
    return NONE if low is None or high is None else f"{low:+.3f} to {high:+.3f}"


def _trained(line: Line) -> list[Entry]:
    real, synthetic = ([getattr(cell, name) for cell in line.cells] for name in ("real_rows", "synthetic_rows"))
    values = _mean_spread(line.values)
    return [share(line.amount), line.arm, _between(real), _between(synthetic), values, len(line.values)]


def _effect(line: Line, whole: bool) -> list[Entry]:
    effect = line.effect
    if effect is None:
        return [NONE] * (6 if whole else 4)
    over_rows = line.over_rows or Interval(None, None)
    boots = [ends(effect.boot_low, effect.boot_high), ends(over_rows.low, over_rows.high)] if whole else []
    return [f"{effect.mean:+.3f}", ends(effect.low, effect.high), *boots, _p(effect.p), _p(line.holm)]


def _names(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(name for line in comparison.lines for cell in line.cells for name in cell.scores))


def _by_amount(comparison: Comparison) -> Iterator[tuple[str, list[Line]]]:
    for amount in dict.fromkeys(share(line.amount) for line in comparison.lines):
        yield amount, [line for line in comparison.lines if share(line.amount) == amount]


def _over_seeds(cells: Sequence[Cell], name: str) -> str:
    return _mean_spread([value for cell in cells if (value := cell.scores.get(name)) is not None])


def _mean_spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return _figure(values[0] if values else None)
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def _figure(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _between(counts: Sequence[int]) -> str:
    """A draw keeps patients whole, so seeds may differ by a few rows."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def _p(value: float | None) -> str:
    return NONE if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"
