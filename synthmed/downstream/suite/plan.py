"""Which cells a suite has, and in which order they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from synthmed.downstream.arms import REAL
from synthmed.downstream.cell import FULL, Cell, Setting, cell_key
from synthmed.downstream.suite.schema import GeneratorSpec, Suite, TaskKey, TaskSpec


@dataclass(frozen=True)
class Job:
    """A cell that is to be trained.

    Attributes:
        setting: of the generator; of a cell without synthetic rows the suite's first, and `spread` gives the others.
        generator: ``""`` for a cell without synthetic rows.
    """

    task: TaskKey
    arm: str
    amount: float | int
    seed: int
    setting: Setting
    generator: str = ""

    @property
    def key(self) -> str:
        """As `Cell.key`."""
        return cell_key(*self.task, self.setting, self.amount, self.arm, self.seed, self.generator)

    @property
    def tells(self) -> bool:
        """Whether it is one of those that say whether its task is learnt."""
        return self.arm == REAL.name and self.amount == FULL and isinstance(self.amount, float)


def plan(suite: Suite) -> tuple[Job, ...]:
    """Real rows alone with all rows first, for every task; then what needs no synthetic rows; then each generator's."""
    first = suite.settings[0]
    jobs: list[Job] = []
    for task in suite.tasks:
        jobs += [Job(task.key, REAL.name, FULL, seed, first) for seed in task.seeds]
    for task in suite.tasks:
        names = [arm.name for arm in task.asked if not arm.synthetic]
        jobs += [Job(task.key, arm, amount, seed, first) for amount, arm, seed in _grid(task, names)]
    for generator in suite.generators:
        for task in suite.tasks:
            if generator.serves(task):
                names = [arm.name for arm in task.asked if arm.synthetic]
                jobs += [
                    Job(task.key, arm, amount, seed, generator.setting, generator.name)
                    for amount, arm, seed in _grid(task, names)
                ]
    return tuple(dict.fromkeys(jobs))


def draws(jobs: Sequence[Job], generator: GeneratorSpec, task: TaskKey) -> tuple[tuple[float | int, int], ...]:
    """(amount, seed) of the real rows beside which a generator's rows are used, in the plan's order."""
    mine = [job for job in jobs if (job.generator, job.task) == (generator.name, task)]
    return tuple(dict.fromkeys((job.amount, job.seed) for job in mine))


def untrained(cells: Sequence[Cell]) -> frozenset[TaskKey]:
    """The tasks whose real rows alone, all of them, stay below the bar in the mean over seeds."""
    found: dict[TaskKey, list[Cell]] = {}
    for cell in cells:
        if cell.arm == REAL.name and cell.amount == FULL and isinstance(cell.amount, float):
            found.setdefault((cell.task, cell.image), []).append(cell)
    return frozenset(key for key, mine in found.items() if not _reached(mine))


def spread(suite: Suite, jobs: Sequence[Job], cells: Sequence[Cell]) -> tuple[tuple[Cell, str], ...]:
    """Each cell and the key of its training: those without synthetic rows once a setting, as gains pair within one."""
    found = []
    for job, cell in zip(jobs, cells, strict=True):
        settings = (job.setting,) if job.generator else suite.settings
        found += [(replace(cell, setting=setting), job.key) for setting in settings]
    return tuple(found)


def _grid(task: TaskSpec, arms: Sequence[str]) -> list[tuple[float | int, str, int]]:
    return [(amount, arm, seed) for amount in task.amounts for arm in arms for seed in task.seeds]


def _reached(cells: Sequence[Cell]) -> bool:
    values = [cell.value for cell in cells if cell.value is not None]
    return bool(values) and float(np.mean(values)) >= cells[0].bar
