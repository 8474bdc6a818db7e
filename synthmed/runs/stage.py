"""The stages of a run: each trained, or taken from its folder where it is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthmed.errors import UserError
from synthmed.runs.ended import OnNote, OnStep
from synthmed.runs.prepared import Prepared, make_validation
from synthmed.training.distributed import anywhere
from synthmed.training.loop import train
from synthmed.training.processes import process_state
from synthmed.training.records import read_done
from synthmed.training.resume import differences, upgraded
from synthmed.training.settings import Settings


def _nothing(ready: Prepared) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class StageJob:
    """What a stage is, to a run.

    Attributes:
        folder: ``<nn>-<name>``, which holds its checkpoints, log, weights and ``done.json``.
        settings: of its training.
        fingerprint: JSON values that must be equal when the stage goes on, or its weights are taken.
        prepare: makes it ready; called where it is not finished.
        settle: after its training, in every process; gives more entries of ``done.json``.
        save: keeps its weights, then ``done.json`` with these entries; called in the main process.
        take: lets the run go on with a finished stage's weights, given ``done.json``; in every process.
        upgrade: a fingerprint as an older release wrote it, in today's keys.
    """

    folder: Path
    settings: Settings
    fingerprint: Mapping[str, Any]
    prepare: Callable[[], Prepared]
    save: Callable[[Prepared, Mapping[str, Any]], None]
    take: Callable[[Mapping[str, Any]], None]
    settle: Callable[[Prepared], Mapping[str, Any]] = _nothing
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] = dict

    @property
    def name(self) -> str:
        """Its folder's, as the run tells it."""
        return self.folder.name


def train_stage(job: StageJob, on_step: OnStep, on_note: OnNote, stop: Callable[[], bool]) -> str | None:
    """Train a stage, unless it is finished; gives why the run must end here, or None.

    Raises:
        UserError: the folder holds a stage of another run.
    """
    done = read_done(job.folder)
    if done is not None and done["step"] >= job.settings.steps:
        changes = [
            *differences("settings", upgraded(done["settings"]), job.settings.decisive()),
            *differences("fingerprint", job.upgrade(done["fingerprint"]), job.fingerprint),
        ]
        if changes:
            raise UserError(
                f"{job.folder}: is of another run: {'; '.join(changes)}; put them back, or name another --out"
            )
        job.take(done)
        return None
    on_note(f"stage {job.name}")
    ready = job.prepare()
    outcome = train(
        ready.objective,
        ready.datasets["train"],
        job.settings,
        job.folder,
        collate=ready.collate,
        validate=make_validation(ready, job.settings),
        sample=ready.pictures,
        fingerprint=job.fingerprint,
        upgrade=job.upgrade,
        on_step=lambda step, losses: on_step(job.name, step, job.settings.steps, losses),
        stop=stop,
    )
    if not outcome.finished:
        return outcome.reason
    record = {
        "step": outcome.step,
        "settings": job.settings.decisive(),
        "fingerprint": job.fingerprint,
        **job.settle(ready),
        "networks": list(ready.networks),
    }
    if process_state().is_main_process:
        job.save(ready, record)
    process_state().wait_for_everyone()
    job.take(record)
    # One who asked to stop in the last step meant the run.
    return None if outcome.reason == "finished" else outcome.reason


def train_stages(
    jobs: Iterable[Callable[[], StageJob]], on_step: OnStep, on_note: OnNote, stop: Callable[[], bool]
) -> str | None:
    """`train_stage` of one after another; gives why the run must end there, or None.

    Args:
        jobs: each is asked for when those before it are done, as its fingerprint has their weights.

    Raises:
        UserError: see `train_stage`.
    """
    for job in jobs:
        # One that was asked for in a stage's last step found the stage finished.
        if anywhere(stop(), process_state().device):
            return "stop"
        reason = train_stage(job(), on_step, on_note, stop)
        if reason is not None:
            return reason
    return None
