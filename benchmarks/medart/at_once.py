"""Trainings and drawings of the proofs, several at once: two processes of one thread do more than one of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arms import drawn, train_arm

from synthmed.cli.bars import counting
from synthmed.downstream.suite.workers import workers


@dataclass(frozen=True)
class Training:
    """An arm's training with one seed.

    Attributes:
        key: for messages.
        spec: the recipe's keys and values.
        folder: of the run; its model is in ``model``.
    """

    key: str
    spec: Mapping[str, Any]
    folder: Path

    def do(self) -> None:
        train_arm(self.spec, self.folder)


@dataclass(frozen=True)
class Drawing:
    """A model's images, as `arms.drawn` makes and keeps them.

    Attributes:
        key: for messages.
    """

    key: str
    model: Path
    prompts: tuple[str, ...]
    keep: Path
    guidance: float | None = None

    def do(self) -> None:
        drawn(self.model, self.prompts, self.keep, self.guidance)


def do_all(what: str, jobs: Sequence[Training | Drawing], count: int) -> None:
    """Each that is not done yet, ``count`` at once; 0 is one after the other in this process.

    Raises:
        UserError, SynthmedError: what the first job that fails says.
    """
    with counting(600) as bars, workers(count) as pool:
        bar = bars.add_task(what, total=len(jobs))
        pool.run(_do, jobs, lambda job: bars.advance(bar))


def _do(job: Training | Drawing) -> None:
    job.do()
