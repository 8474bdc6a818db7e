"""Synthetic rows for cells: made, or opened, and kept as each task's networks see them."""

from __future__ import annotations

from pathlib import Path

from synthmed.downstream.rows import Rows, read_rows
from synthmed.downstream.sampling import draw
from synthmed.downstream.suite.data import TRAIN, build_task, identity_of, rows_folder, usable
from synthmed.downstream.suite.generators import wanted
from synthmed.downstream.suite.plan import Job
from synthmed.downstream.suite.rows_file import RowsFolder
from synthmed.downstream.suite.schema import GeneratorSpec, Suite, TaskKey, TaskSpec
from synthmed.evaluation.corpus import Corpus


def made_folder(out: Path, spec: GeneratorSpec, job: Job) -> RowsFolder:
    """Where the synthetic rows of a cell lie: one folder a task, and of a generator that follows draws, a draw."""
    share = f"{job.amount:g}" if isinstance(job.amount, float) else f"n{job.amount}"
    return rows_folder(out, f"made-{spec.name}" + (f"-{share}-seed{job.seed}" if spec.per_draw else ""), job.task)


def drawn(out: Path, task: TaskSpec, amount: float | int, seed: int) -> Rows:
    """The real rows that a cell sees."""
    rows = rows_folder(out, TRAIN, task.key).load()
    return rows.take(draw(rows, build_task(task), amount, seed))


def deform(out: Path, suite: Suite, job: Job) -> int:
    """Make the stand-in's rows of a cell; how many there are."""
    # MONAI's transforms take seconds to import, which a run without a stand-in need not wait.
    from synthmed.downstream.suite.standin import deformed, identity

    spec, task = named(suite, job)
    real = drawn(out, task, job.amount, job.seed)
    n = wanted(spec, len(real))
    made = made_folder(out, spec, job)
    return len(made.make(identity(real, n, job.seed), lambda pixels: deformed(real, n, job.seed, pixels)))


def keep_corpus(out: Path, spec: GeneratorSpec, task: TaskSpec, job: Job, corpus: Corpus) -> int:
    """Rows that are there, as the task's networks see them; how many there are."""
    question = build_task(task)
    return len(
        made_folder(out, spec, job).make(
            identity_of(corpus, task), lambda pixels: read_rows(corpus, question, usable(corpus, task), pixels)
        )
    )


def named(suite: Suite, job: Job) -> tuple[GeneratorSpec, TaskSpec]:
    """The generator and the task of a cell with synthetic rows."""
    return next(spec for spec in suite.generators if spec.name == job.generator), task_of(suite, job.task)


def task_of(suite: Suite, key: TaskKey) -> TaskSpec:
    """The task of that kind and image."""
    return next(task for task in suite.tasks if task.key == key)
