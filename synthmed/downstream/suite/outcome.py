"""What a run of a suite found: all that its tables, plots and report are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from synthmed.downstream.cell import Cell, Setting
from synthmed.downstream.rows import Rows
from synthmed.downstream.suite.schema import Suite, TaskKey
from synthmed.downstream.tasks.task import Task
from synthmed.downstream.truth import Truth


@dataclass(frozen=True)
class Check:
    """One question of the guard; a run exists only where each that was asked is answered well.

    Attributes:
        what: ``patients``, ``equal pixels``, ``near-duplicates``, or ``trained on its rows alone``.
        left, right: what was held against what: ``train``, ``test``, ``generator phantom's training rows`` …
        left_rows, right_rows: how many rows (of ``patients``: patients; of a card: images) each side has; 0 where it
            is not known.
        found: how many were in both; within what the suite allows.
        allowed: how many the suite puts up with.
        unchecked: why the question was not asked, ``""`` where it was.
    """

    what: str
    left: str
    right: str
    left_rows: int = 0
    right_rows: int = 0
    found: int = 0
    allowed: int = 0
    unchecked: str = ""


@dataclass(frozen=True)
class GuardReport:
    """What the guard checked, and what it could not."""

    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class GeneratorFacts:
    """What a table says of its generator.

    Attributes:
        name: as on its cells.
        kind: a ``model``, a ``place`` of rows that somebody made, ``trained`` on each draw, or ``resample``.
        seen: how many real images of this source it saw; None where nobody says, or where it is each arm's own draw.
        fingerprint: the model's, the rows' digest, or the recipe's; ``""`` for a resampling.
        n: synthetic rows of its largest set.
        note: what else a reader must know, in a sentence.
    """

    name: str
    kind: Literal["model", "place", "trained", "resample"]
    setting: Setting
    seen: int | None = None
    fingerprint: str = ""
    n: int = 0
    note: str = ""


@dataclass(frozen=True)
class SuiteRun:
    """A finished run.

    Attributes:
        suite: print ``suite.content()``, which names no place on this machine; never the places.
        tasks: as they were asked, by (kind, image), in the suite's order.
        cells: in the plan's order. Cells without synthetic rows have no ``generator`` and stand once in each setting
            that the suite has: they are one training, with one set of predictions.
        predictions: for the task's test rows, by `Cell.key`; each is read when it is asked for.
        tests: the test rows that predictions are of, by (kind, image).
        full_rows: how many real training rows there are for each task.
        environment: versions, threads, processor kind, seconds; no host.
    """

    suite: Suite
    tasks: Mapping[TaskKey, Task]
    cells: tuple[Cell, ...]
    predictions: Mapping[str, Truth]
    tests: Mapping[TaskKey, Rows]
    guard: GuardReport
    generators: tuple[GeneratorFacts, ...]
    full_rows: Mapping[TaskKey, int] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    def table(self, key: TaskKey, generator: GeneratorFacts | None) -> tuple[Cell, ...]:
        """The cells of one table: a task's with one generator and, in its setting, those without synthetic rows.

        ``None`` gives those without synthetic rows alone, of the first setting.
        """
        setting = self.suite.settings[0] if generator is None else generator.setting
        names = {""} if generator is None else {"", generator.name}
        return tuple(
            cell
            for cell in self.cells
            if (cell.task, cell.image) == key and cell.setting == setting and cell.generator in names
        )
