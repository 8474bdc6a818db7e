"""A training run: the stages in order, each resumable, then the model's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch import nn

from synthmed.data.assemble import write_summary
from synthmed.data.card import data_card, data_digest
from synthmed.medart.config import Lora
from synthmed.medart.latents import set_scaling
from synthmed.medart.parts import adapt, network
from synthmed.medart.tokenizer import load_tokenizer
from synthmed.medart.training.describe import describe, lines, sizes, stage_name
from synthmed.medart.training.dora import lift_zero_rows
from synthmed.medart.training.features import MOST_ROWS, Features, measured_scaling
from synthmed.medart.training.finish import write_folder
from synthmed.medart.training.prepare import Bench, prepare
from synthmed.medart.training.recipe import TrainRecipe, train_recipe
from synthmed.medart.training.setup import Setup, set_up
from synthmed.medart.training.stages import AdaptStage, AutoencoderStage, Stage
from synthmed.medart.training.weights import load_stage, save_stage, weights_fingerprint
from synthmed.models.autoencoder import LightAutoencoder
from synthmed.runs.ended import OnNote, OnStep, Run, silent
from synthmed.runs.options import with_options
from synthmed.runs.prepared import Prepared
from synthmed.runs.record import begin, begun, described
from synthmed.runs.stage import StageJob, train_stages
from synthmed.runs.told import stages_card
from synthmed.training.lock import locked
from synthmed.training.processes import process_state
from synthmed.whole_files import whole_folder


def train_medart(
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
    own = out / "tokenizer" if begun(out) else None
    if dry_run:
        setup = set_up(recipe, own, trust=trust, dry=True, note=note)
        adapted = any(isinstance(stage, AdaptStage) for stage in recipe.stages)
        known = sizes(setup.start.parts, recipe.model.lora if adapted else Lora())
        for text in [describe(recipe, known, len(setup.rows["train"]), out / "stages").to_text(), *lines(known)]:
            note(text)
        return Run(False, "dry run", out / "model")
    with locked(out) if main else nullcontext():
        with process_state().main_process_first():
            setup = set_up(recipe, own, trust=trust, dry=False, note=note)
            digest = data_digest(setup.data, setup.found)
            if main:
                _begin(recipe, setup, out, digest)
        return _Stages(recipe, setup, out, digest, on_step, note, stop).train()


@dataclass
class _Stages:
    """A run under way."""

    recipe: TrainRecipe
    setup: Setup
    out: Path
    digest: str
    on_step: OnStep
    note: OnNote
    stop: Callable[[], bool]

    def train(self) -> Run:
        setup, spec, parts = self.setup, self.recipe.model, self.setup.start.parts
        # As a run that goes on reads it: what is saved in the end is then the same.
        tokenizer = setup.start.tokenizer if setup.start.ready else load_tokenizer(self.out / "tokenizer")
        if tokenizer is None:
            raise ValueError("a run needs a tokenizer")
        features = {split: Features(rows, self.out / "features", spec.seed) for split, rows in setup.rows.items()}
        bench = Bench(setup.config, parts, tokenizer, features, spec.seed)
        folders = [self.out / "stages" / stage_name(place, stage) for place, stage in enumerate(self.recipe.stages, 1)]
        jobs = [
            partial(self._job, bench, stage, folder) for stage, folder in zip(self.recipe.stages, folders, strict=True)
        ]
        reason = train_stages(jobs, self.on_step, self.note, self.stop)
        if reason is not None:
            return Run(False, reason, self.out / "model")
        if process_state().is_main_process:
            self.note("writing the model")
            adapted = any(isinstance(module, PeftModel) for module in parts.values())
            kept = all(isinstance(stage, AdaptStage) for stage in self.recipe.stages)
            config = setup.config.model_copy(
                update={"lora": spec.lora if adapted else Lora(), "base": setup.config.base if kept else None}
            )
            training = {
                "data": data_card(setup.found),
                "captions": self.recipe.captions,
                **stages_card(folders),
            }
            write_folder(self.out / "model", config, parts.to("cpu"), bench.tokenizer, training)
        process_state().wait_for_everyone()
        return Run(True, "finished", self.out / "model")

    def _job(self, bench: Bench, stage: Stage, folder: Path) -> StageJob:
        if isinstance(stage, AdaptStage):
            _add_adapters(bench.parts, self.recipe.model.lora, self.recipe.model.seed)
        decisive = {"image", "pixels", "window", "text_length", "scheduler"}
        model = {**bench.config.model_dump(mode="json", include=decisive), "dtype": self.recipe.model.dtype}
        if isinstance(stage, AdaptStage):
            model["lora"] = self.recipe.model.lora.model_dump(mode="json")

        def settle(ready: Prepared) -> Mapping[str, Any]:
            _settle(bench)
            return {"scaling": _set_scaling(bench)} if isinstance(stage, AutoencoderStage) else {}

        return StageJob(
            folder,
            stage.training,
            fingerprint={
                "data": self.digest,
                "stage": described(stage),
                "model": model,
                "weights": weights_fingerprint(bench.parts),
            },
            prepare=partial(prepare, bench, stage),
            save=lambda ready, record: save_stage(folder, stage, bench.parts, record),
            take=lambda done: load_stage(folder, stage, bench.parts, done),
            settle=settle,
        )


def _add_adapters(parts: nn.ModuleDict, lora: Lora, seed: int) -> None:
    """To the networks that are to have one and do not yet."""
    there = {name: None for name, module in parts.items() if isinstance(module, PeftModel)}
    new = lora.model_copy(update=there)
    for name in ("transformer", "text_encoder"):
        spec = getattr(new, name)
        if spec is not None and spec.dora:
            lift_zero_rows(parts[name], spec)
    adapt(parts, new, seed)


def _settle(bench: Bench) -> None:
    """Leave the networks as a stage that was loaded would find them."""
    transformer: Any = network(bench.parts["transformer"])
    transformer.disable_gradient_checkpointing()
    bench.parts.eval().requires_grad_(False)
    bench.parts.zero_grad(set_to_none=True)


def _set_scaling(bench: Bench) -> tuple[float, float]:
    """Shift and scale of the trained autoencoder's latents, measured on the training rows."""
    vae: Any = bench.parts["vae"]
    posterior = bench.features["train"].posteriors(vae, MOST_ROWS)["posterior"]
    scaling = measured_scaling(posterior, isinstance(vae, LightAutoencoder))
    set_scaling(vae, *scaling)
    return scaling


def _begin(recipe: TrainRecipe, setup: Setup, out: Path, digest: str) -> None:
    """Keep what the run is of, or refuse another one's folder."""

    def save_tokenizer() -> None:
        if setup.start.tokenizer is not None and not setup.start.ready:
            with whole_folder(out / "tokenizer") as place:
                setup.start.tokenizer.save_pretrained(place)

    free = {"sampler", "init", "base"}
    begin(
        out,
        {"data": {"digest": digest}, "model": recipe.model.model_dump(mode="json", exclude=free)},
        save_tokenizer,
    )
    write_summary(setup.found, out / "data.json")
