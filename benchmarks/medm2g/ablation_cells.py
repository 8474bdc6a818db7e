"""The ablation's cells: what each trains, and its training in a worker process."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from synthmed.medm2g.config import Config
from synthmed.medm2g.parts import build_parts
from synthmed.medm2g.training.recipe import train_recipe
from synthmed.medm2g.training.run import train_medm2g
from synthmed.medm2g.training.stages import label
from synthmed.models.projector import Projector
from synthmed.recipe import read_recipe
from synthmed.whole_files import write_json

RECIPE = "medm2g/ablation"
GUIDANCE = ("context_", "adaptive_", "layers_")


@dataclass(frozen=True)
class Cell:
    """One training: its finished model is the row with LCAG, the same without the round's parts the row without."""

    ca: bool
    vi: bool
    seed: int

    @property
    def name(self) -> str:
        return f"ca{self.ca:d}-vi{self.vi:d}-seed{self.seed}"


def all_cells(seeds: Iterable[int]) -> list[Cell]:
    return [Cell(ca, vi, seed) for seed, ca, vi in itertools.product(seeds, (False, True), (False, True))]


def base_recipe(data: Path, scale: float, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The autoencoder that all cells share; a model has flows, so that there are two steps of each, to be left."""
    spec = _read(data, scale, overrides)
    flow = {"stage": "flow", "condition": [], "training": {"steps": 2, "validate_every": 0}}
    stages = [stage for stage in spec["stages"] if stage["stage"] == "autoencoder"]
    return {**spec, "stages": [*stages, *({**flow, "modality": name} for name in spec["model"]["fields"])]}


def cell_recipe(cell: Cell, data: Path, base: Path, scale: float, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The recipe's keys and values without what the cell has not, and without what ``base`` has trained."""
    spec = _read(data, scale, overrides)
    spec["model"] |= {"init": str(base), "init_parts": ["autoencoder_grey"], "seed": cell.seed}
    spec["training"]["seed"] = cell.seed
    stages = []
    for stage in spec["stages"]:
        kind = stage["stage"]
        if kind == "autoencoder":
            continue
        if kind == "alignment":
            if not cell.ca:
                continue
            stage["invariant"] = cell.vi
        if kind == "flow" and not cell.ca:
            stage |= {"central": False, "invariant": cell.vi}
        stages.append(stage)
    return {**spec, "stages": stages}


def _read(data: Path, scale: float, overrides: Sequence[str]) -> dict[str, Any]:
    spec = read_recipe(RECIPE, overrides)
    spec["data"]["root"] = str(data)
    for stage in spec["stages"]:
        stage["training"]["steps"] = max(2, round(stage["training"]["steps"] * scale))
    return spec


def cell_steps(spec: dict[str, Any]) -> dict[str, int]:
    """Steps by stage folder, in order."""
    stages = train_recipe(spec, RECIPE).stages
    return {f"{place:02d}-{label(stage)}": stage.training.steps for place, stage in enumerate(stages, 1)}


def train_cell(
    spec: dict[str, Any], folder: Path, on_done: Callable[[int], None], stop: Callable[[], bool] = lambda: False
) -> None:
    """Train a cell, or go on with it; a finished one, which has ``cell.json``, is left as it is.

    Args:
        on_done: told the steps that are done, of all stages.
        stop: asked after each step.

    Raises:
        KeyboardInterrupt: it was stopped; the same call goes on.
    """
    if not (folder / "cell.json").exists():
        _share_features(folder)
        train_whole(spec, folder, on_done, stop)
        write_json(folder / "cell.json", cell_facts(spec, folder))
    on_done(sum(cell_steps(spec).values()))


def train_whole(
    spec: dict[str, Any], folder: Path, on_done: Callable[[int], None], stop: Callable[[], bool] = lambda: False
) -> None:
    """Train to the end, or go on; arguments and errors are those of `train_cell`."""
    steps = cell_steps(spec)
    before = dict(zip(steps, itertools.accumulate(steps.values(), initial=0), strict=False))
    run = train_medm2g(spec, RECIPE, folder, on_step=lambda stage, step, *_: on_done(before[stage] + step), stop=stop)
    if not run.finished:
        raise KeyboardInterrupt(run.reason)


def _share_features(folder: Path) -> None:
    """Latents of the autoencoder that all cells have are encoded once; the cache goes by content."""
    shared = folder.parent / "features"
    shared.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    if not (folder / "features").exists():
        (folder / "features").symlink_to(Path("..") / "features", target_is_directory=True)


def cell_facts(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Losses on the validation split, and parameters, of the model and of what was beside it in training."""
    told = {stage["name"]: stage for stage in json.loads((folder / "model" / "training.json").read_text())["stages"]}
    config = Config.model_validate_json((folder / "model" / "config.json").read_text())
    with torch.device("meta"):
        sizes = {name: _parameters(part) for name, part in build_parts(config).items()}
    recipe = train_recipe(spec, RECIPE)
    beside, validation = 0, {}
    for place, stage in enumerate(recipe.stages, 1):
        name = f"{place:02d}-{label(stage)}"
        losses = told[name]["losses"]
        beside += sum(key == "logit_scale" for key in losses)
        beside += sum(key.startswith("invariant_") for key in losses) * _projector(config, stage)
        if stage.stage == "flow":
            found = told[name]["validation"]
            validation[stage.modality] = found.get("diffusion", found["loss"])
    guidance = sum(size for name, size in sizes.items() if name.startswith(GUIDANCE))
    return {
        "parameters": {"without": sum(sizes.values()) - guidance, "with": sum(sizes.values())},
        "beside": beside,
        "validation": validation,
    }


def _projector(config: Config, stage: Any) -> int:
    from synthmed.medm2g.sizes import projector_widths

    first, *rest = projector_widths(config.size)
    with torch.device("meta"):
        return _parameters(Projector([first, *(stage.projector or rest)])) if hasattr(stage, "projector") else 0


def _parameters(module: torch.nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())
