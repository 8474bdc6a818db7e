"""A training run: the stages in order, each resumable, then the model's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pydantic

from synthmed.data.assemble import write_summary
from synthmed.data.card import data_card, data_digest
from synthmed.medm2g.training.bench import Bench
from synthmed.medm2g.training.describe import describe, lines
from synthmed.medm2g.training.features import Features
from synthmed.medm2g.training.finish import write_model
from synthmed.medm2g.training.order import Planned
from synthmed.medm2g.training.prepare import prepare
from synthmed.medm2g.training.recipe import ModelSpec, TrainRecipe, train_recipe
from synthmed.medm2g.training.scales import scaled_config
from synthmed.medm2g.training.setup import Setup, set_up
from synthmed.medm2g.training.stages import STAGES, FlowStage, RoundStage
from synthmed.runs.ended import OnNote, OnStep, Run, silent
from synthmed.runs.options import with_options
from synthmed.runs.prepared import Prepared
from synthmed.runs.record import begin, begun, described
from synthmed.runs.stage import StageJob, train_stages
from synthmed.runs.told import stages_card
from synthmed.training.lock import locked
from synthmed.training.processes import process_state
from synthmed.whole_files import whole_folder


def train_medm2g(
    data: Mapping[str, Any],
    where: str,
    out: Path,
    *,
    dry_run: bool = False,
    trust: bool = False,
    allow_leak: bool = False,
    init: Path | None = None,
    on_step: OnStep = lambda stage, step, steps, losses: None,
    on_note: OnNote = lambda text: None,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Train a recipe's keys and values: the stages that are not finished, in ``out/stages/``, then ``out/model/``.

    Killed at any moment and called again, a run ends with the same bits as one that was not.

    Args:
        where: the recipe's file, for error messages.
        trust: let the recipe name any importable transform.
        allow_leak: as ``data.allow_leak``.
        init: as ``model.init``.
        on_note: what happens between the stages, a line each; the plan of a dry run.
        stop: asked after each step; the run writes a checkpoint and ends.

    Raises:
        UserError: the recipe, its data or the model to start from are wrong, or ``out`` holds a run of another recipe.
    """
    recipe = with_options(train_recipe(data, where), allow_leak=allow_leak, init=init)
    main = process_state().is_main_process
    note = on_note if main else silent
    if dry_run:
        setup = set_up(recipe, _own_tokenizer(out), trust=trust, dry=True, note=note)
        for text in [
            describe(setup.config, setup.planned, setup.rows["train"], out / "stages").to_text(),
            *lines(setup.planned),
            *([f"new, not in {recipe.model.init}: {', '.join(setup.new)}"] if setup.new else []),
        ]:
            note(text)
        return Run(False, "dry run", out / "model")
    with locked(out) if main else nullcontext():
        with process_state().main_process_first():
            # Asked here: the other processes find what the main one has begun.
            setup = set_up(recipe, _own_tokenizer(out), trust=trust, dry=False, note=note)
            digest = data_digest(recipe.data, setup.found)
            if main:
                _begin(recipe, setup, out, digest)
        seed = recipe.model.seed
        features = {
            split: Features(rows, out / "features", setup.tokenizers, seed) for split, rows in setup.rows.items()
        }
        bench = Bench(setup.config, setup.rows, features, setup.tokenizers, seed, trust)
        return _Stages(setup, bench, out, digest, on_step, note, stop).train()


@dataclass
class _Stages:
    """A run under way."""

    setup: Setup
    bench: Bench
    out: Path
    digest: str
    on_step: OnStep
    note: OnNote
    stop: Callable[[], bool]
    scaled: bool = False

    def train(self) -> Run:
        setup, bench = self.setup, self.bench
        folders = [self.out / "stages" / planned.name for planned in setup.planned]
        jobs = [partial(self._job, planned, folder) for planned, folder in zip(setup.planned, folders, strict=True)]
        reason = train_stages(jobs, self.on_step, self.note, self.stop)
        if reason is not None:
            return Run(False, reason, self.out / "model")
        if process_state().is_main_process:
            self.note("writing the model")
            config = bench.config if self.scaled else _scaled(setup, bench)
            touched = {*setup.store.changed, *setup.store.start}
            training = {
                "data": data_card(setup.found),
                **stages_card(folders),
                "untrained": [name for name in config.parts if name not in touched],
            }
            write_model(self.out / "model", config, setup.store, setup.tokenizers, training)
        process_state().wait_for_everyone()
        return Run(True, "finished", self.out / "model")

    def _job(self, planned: Planned, folder: Path) -> StageJob:
        setup, bench = self.setup, self.bench
        if isinstance(planned.stage, FlowStage | RoundStage) and not self.scaled:
            self.note("encoding the images and reports")
            bench.config = _scaled(setup, bench)
            self.scaled = True
        parts = setup.store.load({*planned.trains, *planned.takes, "encoder_text"})

        def save(ready: Prepared, record: Mapping[str, Any]) -> None:
            setup.store.save(folder, ready.parts, record)

        return StageJob(
            folder,
            planned.stage.training,
            fingerprint={
                "data": self.digest,
                "stage": described(planned.stage),
                "conditions": {flow: list(prompts) for flow, prompts in planned.conditions.items()},
                "model": bench.config.model_dump(mode="json", include={"flows", "process", "text_length"}),
                "weights": setup.store.fingerprint(parts),
            },
            prepare=partial(prepare, bench, planned, parts),
            save=save,
            take=lambda done: setup.store.finish(folder, planned.trains),
            upgrade=_upgraded,
        )


def _upgraded(fingerprint: dict[str, Any]) -> dict[str, Any]:
    """A stage's fingerprint as an older release wrote it, with the keys that came since at their defaults."""
    before = fingerprint.get("stage")
    if not isinstance(before, dict) or before.get("stage") not in STAGES:
        return fingerprint  # of something else, which the comparison tells
    try:
        stage = STAGES[before["stage"]].model_validate({**before, "training": {"steps": 1}})
    except pydantic.ValidationError:
        return fingerprint
    prompts = fingerprint.get("conditions")
    if isinstance(prompts, list) and not isinstance(stage, RoundStage):
        fingerprint = {**fingerprint, "conditions": {stage.modality: prompts} if isinstance(stage, FlowStage) else {}}
    return {**fingerprint, "stage": stage.model_dump(mode="json", exclude={"training"})}


def _scaled(setup: Setup, bench: Bench) -> Any:
    return scaled_config(bench.config, bench.features["train"], lambda name: setup.store.load([name])[name], setup.kept)


def _own_tokenizer(out: Path) -> Path | None:
    return out / "tokenizer" if begun(out) else None


def _with_new_keys(model: dict[str, Any], free: set[str]) -> dict[str, Any]:
    """A ``model`` section as an older release wrote it, with the keys that came since at their defaults."""
    try:
        return ModelSpec.model_validate(model).model_dump(mode="json", exclude=free)
    except pydantic.ValidationError:
        return model


def _begin(recipe: TrainRecipe, setup: Setup, out: Path, digest: str) -> None:
    """Keep what the run is of, or refuse another one's folder."""
    free = {"sampler", "pairing", "tokenizer", "init"}

    def save_tokenizer() -> None:
        with whole_folder(out / "tokenizer") as place:
            setup.tokenizers.save(place)

    begin(
        out,
        {"data": {"digest": digest}, "model": recipe.model.model_dump(mode="json", exclude=free)},
        save_tokenizer,
        lambda before: {**before, "model": _with_new_keys(before["model"], free)},
    )
    write_summary(setup.found, out / "data.json")
