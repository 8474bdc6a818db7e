"""A training run: the stages in order, each resumable, then the model's folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
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
from synthmed.runs.prepared import Prepared
from synthmed.runs.record import begin, begun, described
from synthmed.runs.stage import StageJob, networks_of, told, train_stage
from synthmed.training.distributed import anywhere
from synthmed.training.lock import locked
from synthmed.training.processes import process_state


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
    """Train a recipe's keys and values; see `run`.

    Args:
        where: the recipe's file, for error messages.
        allow_leak: as ``data.allow_leak``.
        init: as ``model.init``.
    """
    recipe = train_recipe(data, where)
    if allow_leak:
        recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"allow_leak": True})})
    if init is not None:
        recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"init": init})})
    return run(recipe, out, dry_run=dry_run, trust=trust, on_step=on_step, on_note=on_note, stop=stop)


def run(
    recipe: TrainRecipe,
    out: Path,
    *,
    dry_run: bool = False,
    trust: bool = False,
    on_step: OnStep = lambda stage, step, steps, losses: None,
    on_note: OnNote = lambda text: None,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Train the stages that are not finished, in ``out/stages/<nn>-<name>/``, and write ``out/model/``.

    Killed at any moment and called again, a run ends with the same bits as one that was not.

    Args:
        trust: let the recipe name any importable transform.
        on_note: what happens between the stages, a line each; the plan of a dry run.
        stop: asked after each step; the run writes a checkpoint and ends.

    Raises:
        UserError: the recipe, its data or the model to start from are wrong, or ``out`` holds a run of another recipe.
    """
    main = process_state().is_main_process
    if not main:
        on_note = silent
    if dry_run:
        setup = set_up(recipe, _own_tokenizer(out), trust=trust, dry=True, note=on_note)
        for text in [
            describe(setup.config, setup.planned, setup.rows["train"], out / "stages").to_text(),
            *lines(setup.planned),
            *([f"new, not in {recipe.model.init}: {', '.join(setup.new)}"] if setup.new else []),
        ]:
            on_note(text)
        return Run(False, "dry run", out / "model")
    with locked(out) if main else nullcontext():
        with process_state().main_process_first():
            setup = set_up(recipe, _own_tokenizer(out), trust=trust, dry=False, note=on_note)
            digest = data_digest(recipe.data, setup.found)
            if main:
                _begin(recipe, setup, out, digest)
        return _train_stages(recipe, setup, out, digest, trust, on_step, on_note, stop)


def _train_stages(
    recipe: TrainRecipe,
    setup: Setup,
    out: Path,
    digest: str,
    trust: bool,
    on_step: OnStep,
    on_note: OnNote,
    stop: Callable[[], bool],
) -> Run:
    seed = recipe.model.seed
    features = {split: Features(rows, out / "features", setup.tokenizers, seed) for split, rows in setup.rows.items()}
    bench = Bench(setup.config, setup.rows, features, setup.tokenizers, seed, trust)
    scaled = False
    folders = [out / "stages" / planned.name for planned in setup.planned]
    for planned, folder in zip(setup.planned, folders, strict=True):
        if isinstance(planned.stage, FlowStage | RoundStage) and not scaled:
            on_note("encoding the images and reports")
            bench.config = _scaled(setup, bench)
            scaled = True
        # One that was asked for in a stage's last step found the stage finished.
        if anywhere(stop(), process_state().device):
            return Run(False, "stop", out / "model")
        reason = train_stage(_job(setup, bench, planned, folder, digest), on_step, on_note, stop)
        if reason is not None:
            return Run(False, reason, out / "model")
    if process_state().is_main_process:
        on_note("writing the model")
        config = bench.config if scaled else _scaled(setup, bench)
        touched = {*setup.store.changed, *setup.store.start}
        training = {
            "data": data_card(setup.found),
            "stages": [told(folder) for folder in folders],
            "networks": sorted(set().union(*map(networks_of, folders))),
            "untrained": [name for name in config.parts if name not in touched],
        }
        write_model(out / "model", config, setup.store, setup.tokenizers, training)
    process_state().wait_for_everyone()
    return Run(True, "finished", out / "model")


def _job(setup: Setup, bench: Bench, planned: Planned, folder: Path, digest: str) -> StageJob:
    parts = setup.store.load({*planned.trains, *planned.takes, "encoder_text"})

    def save(ready: Prepared, record: Mapping[str, Any]) -> None:
        setup.store.save(folder, ready.parts, record)

    return StageJob(
        folder,
        planned.stage.training,
        fingerprint={
            "data": digest,
            "stage": described(planned.stage),
            "conditions": list(planned.conditions),
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
    return {**fingerprint, "stage": stage.model_dump(mode="json", exclude={"training"})}


def _scaled(setup: Setup, bench: Bench) -> Any:
    return scaled_config(bench.config, bench.features["train"], lambda name: setup.store.load([name])[name])


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
        shutil.rmtree(out / "tokenizer", ignore_errors=True)
        temporary = out / ".tokenizer.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        setup.tokenizers.save(temporary)
        temporary.rename(out / "tokenizer")

    begin(
        out,
        {"data": {"digest": digest}, "model": recipe.model.model_dump(mode="json", exclude=free)},
        save_tokenizer,
        lambda before: {**before, "model": _with_new_keys(before["model"], free)},
    )
    write_summary(setup.found, out / "data.json")
