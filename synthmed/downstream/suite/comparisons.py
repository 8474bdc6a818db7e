"""What each arm adds to real rows alone, for one task, setting and generator at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from synthmed.downstream.arms import ARMS, REAL
from synthmed.downstream.cell import FULL, Cell
from synthmed.downstream.effects import Effect, Gain, gains
from synthmed.downstream.resample import row_interval
from synthmed.downstream.suite.outcome import GeneratorFacts, SuiteRun
from synthmed.downstream.suite.schema import TaskKey
from synthmed.evaluation.intervals import Interval
from synthmed.evaluation.results import finite_or_none

Amount: TypeAlias = float | int
DRAWS = 200
"""Of patients and seeds, for each interval over test rows."""


@dataclass(frozen=True)
class Line:
    """An arm at an amount of real rows.

    Attributes:
        cells: by seed.
        gain: over real rows alone; None for these.
        over_rows: interval of the gain over test patients and seeds; None where predictions are not at hand.
        holm: p adjusted for all comparisons of the table; None where there is no p.
    """

    amount: Amount
    arm: str
    cells: tuple[Cell, ...]
    gain: Gain | None = None
    over_rows: Interval | None = None
    holm: float | None = None

    @property
    def values(self) -> tuple[float, ...]:
        """The primary figures that there are, by seed."""
        return tuple(cell.value for cell in self.cells if cell.value is not None)

    @property
    def effect(self) -> Effect | None:
        """The gain's numbers, where they may be printed."""
        return None if self.gain is None else self.gain.effect


@dataclass(frozen=True)
class Comparison:
    """One table: a task, a setting and a generator; two settings or two generators are never in one.

    Attributes:
        key: the task's kind and image.
        generator: None where only arms without synthetic rows were run.
        figure: the primary one.
        bar: that the mean of real rows alone must reach with all real rows.
        full: that mean; None where no cell has it.
        lines: by amount, smallest first; within it in the order of the arms.
    """

    key: TaskKey
    generator: GeneratorFacts | None
    figure: str
    bar: float
    full: float | None
    lines: tuple[Line, ...]

    @property
    def released(self) -> bool:
        """Whether its generator may have seen more real rows than the arms."""
        return self.generator is not None and self.generator.setting == "released"

    @property
    def trained(self) -> bool:
        """Whether the network learns the task from all real rows; only then are there effects."""
        return self.full is not None and self.full >= self.bar

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Of the lines that have one."""
        return tuple(line.effect for line in self.lines if line.effect is not None)


def compare(run: SuiteRun) -> tuple[Comparison, ...]:
    """The tables of a run, by task and generator in the suite's order.

    A task that no generator serves has one table without; figures that are not finite count as missing.
    """
    found = []
    for key in run.tasks:
        serving: list[GeneratorFacts | None] = [
            each for each in run.generators if any(cell.generator for cell in run.table(key, each))
        ]
        for generator in serving or [None]:
            if cells := [finite(cell) for cell in run.table(key, generator)]:
                found.append(_comparison(run, key, generator, cells))
    return tuple(found)


def finite(cell: Cell) -> Cell:
    """The cell with None in place of figures that are not finite."""
    scores = {name: finite_or_none(value) for name, value in cell.scores.items()}
    return replace(cell, value=finite_or_none(cell.value), scores=scores)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Scandinavian Journal of Statistics 6, 1979), in the order given."""
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1, np.asarray(p, np.float64)[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(steps)
    return [float(value) for value in adjusted]


def _comparison(run: SuiteRun, key: TaskKey, generator: GeneratorFacts | None, cells: Sequence[Cell]) -> Comparison:
    found = {(_rank(gain.amount), gain.arm): gain for gain in gains(cells)}
    groups: dict[tuple[tuple[bool, float], str], list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: (_rank(cell.amount), _place(cell.arm), cell.arm, cell.seed)):
        groups.setdefault((_rank(cell.amount), cell.arm), []).append(cell)
    lines = []
    for (amount, arm), group in groups.items():
        line = Line(group[0].amount, arm, tuple(group), found.get((amount, arm)))
        if line.effect is not None:
            line = replace(line, over_rows=_over_rows(run, key, group, groups[amount, REAL.name]))
        lines.append(line)
    full = [cell.value for cell in groups.get((_rank(FULL), REAL.name), ()) if cell.value is not None]
    mean = float(np.mean(full)) if full else None
    return Comparison(key, generator, cells[0].figure, cells[0].bar, mean, tuple(_adjusted(lines)))


def _over_rows(run: SuiteRun, key: TaskKey, treated: Sequence[Cell], control: Sequence[Cell]) -> Interval | None:
    """Of the seeds in which both have a figure."""
    others = {cell.seed: cell for cell in control if cell.value is not None}
    both = [cell for cell in treated if cell.value is not None and cell.seed in others]
    try:
        said = [run.predictions[cell.key] for cell in both]
        known = [run.predictions[others[cell.seed].key] for cell in both]
    except KeyError:
        return None
    return row_interval(run.tasks[key], said, known, run.tests[key], draws=DRAWS)


def _adjusted(lines: Sequence[Line]) -> Iterator[Line]:
    known = [line.effect.p for line in lines if line.effect is not None and line.effect.p is not None]
    adjusted = iter(holm(known))
    for line in lines:
        yield line if line.effect is None or line.effect.p is None else replace(line, holm=next(adjusted))


def _rank(amount: Amount) -> tuple[bool, float]:
    """Numbers of rows before shares; a number that equals a share is another amount."""
    return isinstance(amount, float), amount


def _place(arm: str) -> int:
    names = [each.name for each in ARMS]
    return names.index(arm) if arm in names else len(names)
