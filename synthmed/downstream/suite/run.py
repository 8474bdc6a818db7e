"""``synthmed benchmark``: a suite in, a folder of cells and a report out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthmed.downstream.cell import Cell
from synthmed.downstream.suite.data import ROLES, RealRows, build_task
from synthmed.downstream.suite.environment import environment
from synthmed.downstream.suite.generators import open_generator
from synthmed.downstream.suite.guarding import guard_generator, guard_real
from synthmed.downstream.suite.keep import Kept, KeptPredictions
from synthmed.downstream.suite.outcome import GeneratorFacts, GuardReport, SuiteRun
from synthmed.downstream.suite.plan import Job, plan, spread, untrained
from synthmed.downstream.suite.prepare import Prepare, TrainGenerator
from synthmed.downstream.suite.schema import Suite
from synthmed.downstream.suite.train import Work, train_cell
from synthmed.downstream.suite.workers import Workers, workers
from synthmed.errors import UserError
from synthmed.training.lock import locked


@dataclass
class Hooks:
    """What is told on the way.

    Attributes:
        stage: what is being done.
        total: how many cells there are in all, and how many of them are there already.
        trained: a cell that has ended.
        left_out: how many cells of tasks that are not learnt will not be trained.
    """

    stage: Callable[[str], None] = lambda words: None
    total: Callable[[int, int], None] = lambda cells, done: None
    trained: Callable[[Cell], None] = lambda cell: None
    left_out: Callable[[int], None] = lambda cells: None


@dataclass(frozen=True)
class RunOptions:
    """How a suite is run.

    Attributes:
        processes: that train cells, one thread each; 0 trains in this one.
        overwrite: begin anew in a folder that holds a run.
        train_generator: trains a recipe for a ``trained`` generator.
    """

    processes: int = 2
    overwrite: bool = False
    hooks: Hooks = field(default_factory=Hooks)
    train_generator: TrainGenerator | None = None


def run_suite(suite: Suite, out: Path, options: RunOptions | None = None) -> str:
    """Train what is not there yet, and write the results; the text is for a terminal.

    Raises:
        UserError: a wrong suite, rows that overlap, or a folder of another run.
        SynthmedError: a cell failed; it is named.
    """
    from synthmed.downstream.suite.results import write_results

    return write_results(out, trained_suite(suite, out, options))


def trained_suite(suite: Suite, out: Path, options: RunOptions | None = None) -> SuiteRun:
    """`run_suite` without the writing of results."""
    options = options or RunOptions()
    hooks, processes = options.hooks, options.processes
    if processes < 0:
        raise UserError(f"--workers {processes}: a number of processes, or 0 for this one")
    began = time.monotonic()
    tasks = {task.key: build_task(task) for task in suite.tasks}
    if out.is_file():
        raise UserError(f"{out}: is no folder; name another --out")
    with locked(out, patience=0.0):
        kept = Kept(out)
        hooks.stage("opening")
        real = RealRows(suite, out)
        opened = [open_generator(spec, suite) for spec in suite.generators]
        kept.begin(
            {
                "suite": suite.content(),
                "data": real.digests(),
                "generators": {one.spec.name: one.facts.fingerprint for one in opened},
            },
            overwrite=options.overwrite,
        )
        jobs = plan(suite)
        hooks.stage("reading real rows")
        for task in suite.tasks:
            for role in real.roles:
                real.rows(role, task)
        hooks.stage("guarding")
        held, checks = guard_real(suite, real, out)
        checks += [check for one in opened for check in guard_generator(one, suite, jobs, held, out)]
        with workers(processes) as pool:
            facts, made = Prepare(suite, jobs, real, out, pool, hooks.stage, options.train_generator).sets(opened)
            jobs = _train(suite, jobs, kept, pool, hooks)
        hooks.stage("writing")
        return _outcome(suite, tasks, jobs, kept, real, GuardReport((*checks, *made)), facts, processes, began)


def _train(suite: Suite, jobs: Sequence[Job], kept: Kept, pool: Workers, hooks: Hooks) -> tuple[Job, ...]:
    """Train the cells that are not there; those that the run then has."""
    there = {job.key for job in jobs if kept.load(job.key) is not None}
    hooks.total(len(jobs), len(there))
    hooks.stage("training")

    def told(work: Work) -> None:
        cell = kept.load(work.job.key)
        if cell is not None:
            hooks.trained(cell)

    def train(some: Sequence[Job]) -> None:
        pool.run(train_cell, [Work(kept.out, suite, job) for job in some if job.key not in there], told)

    if not suite.stop_untrained:
        train(jobs)
        return tuple(jobs)
    train([job for job in jobs if job.tells])
    cells = [cell for job in jobs if job.tells and (cell := kept.load(job.key)) is not None]
    lost = untrained(cells)
    going_on = tuple(job for job in jobs if job.tells or job.task not in lost)
    hooks.left_out(len(jobs) - len(going_on))
    train([job for job in going_on if not job.tells])
    return going_on


def _outcome(
    suite: Suite,
    tasks: Mapping[Any, Any],
    jobs: Sequence[Job],
    kept: Kept,
    real: RealRows,
    guard: GuardReport,
    facts: Sequence[GeneratorFacts],
    processes: int,
    began: float,
) -> SuiteRun:
    cells = [cell for job in jobs if (cell := kept.load(job.key)) is not None]
    tests = {task.key: real.rows("test", task) for task in suite.tasks}
    trained = spread(suite, jobs, cells)
    keys = {cell.key: (key, len(tests[cell.task, cell.image])) for cell, key in trained}
    return SuiteRun(
        suite,
        tasks,
        tuple(cell for cell, _ in trained),
        KeptPredictions(kept, keys),
        tests,
        guard,
        tuple(facts),
        {task.key: len(real.rows(ROLES[0], task)) for task in suite.tasks},
        {
            **environment(),
            "processes": processes,
            "cell_seconds": round(sum(cell.seconds for cell in cells), 1),
            "run_seconds": round(time.monotonic() - began, 1),
        },
    )
