"""One cell of a suite, trained from what lies in the run's folder; what a worker process does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synthmed.downstream.arms import ARMS
from synthmed.downstream.cell import Data, run_cell
from synthmed.downstream.suite.data import TEST, TRAIN, VALIDATION, build_task, rows_folder
from synthmed.downstream.suite.keep import Kept
from synthmed.downstream.suite.plan import Job
from synthmed.downstream.suite.schema import Suite
from synthmed.downstream.suite.sets import deform, made_folder, named, task_of


@dataclass(frozen=True)
class Work:
    """A cell, and all that a process needs to train it, or to make its stand-in rows."""

    out: Path
    suite: Suite
    job: Job

    @property
    def key(self) -> str:
        """The cell's."""
        return f"cell {self.job.key}"


def train_cell(work: Work) -> None:
    """Train, score and keep a cell.

    Raises:
        UserError: see `run_cell`; or rows that cannot be read.
    """
    job, out = work.job, work.out
    spec = task_of(work.suite, job.task)
    made = None
    if job.generator:
        made = made_folder(out, named(work.suite, job)[0], job).load()
    real, test = (rows_folder(out, role, job.task).load() for role in (TRAIN, TEST))
    validation = rows_folder(out, VALIDATION, job.task).load() if work.suite.validation else None
    cell, predictions = run_cell(
        build_task(spec),
        next(arm for arm in ARMS if arm.name == job.arm),
        Data(real, test, made, validation),
        spec.fit,
        amount=job.amount,
        seed=job.seed,
        setting=job.setting,
        suite=work.suite.name,
        generator=job.generator,
        augmentation=spec.augmentation,
    )
    Kept(out).save(cell, predictions)


def deform_rows(work: Work) -> None:
    """Make the rows of a resampling generator for a cell's draw."""
    deform(work.out, work.suite, work.job)
