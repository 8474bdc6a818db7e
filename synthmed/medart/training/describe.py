"""``--dry-run``: what a recipe would train, on what, and how large it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from peft import PeftModel
from torch import nn

from synthmed.medart.config import Lora
from synthmed.medart.lora import adapter_parameters
from synthmed.medart.parts import adapt
from synthmed.medart.training.recipe import TrainRecipe
from synthmed.medart.training.stages import AutoencoderStage, BaseStage, Stage
from synthmed.medart.training.start import DTYPES
from synthmed.report.table import Cell, Table
from synthmed.runs.told import steps_done
from synthmed.training.settings import Settings

Sizes = dict[str, tuple[int, int]]
"""By part: parameters of the network, and of its adapter."""


def sizes(parts: nn.ModuleDict, lora: Lora) -> Sizes:
    """Of networks on the meta device, which are given the adapters."""
    with torch.device("meta"):
        adapt(parts, lora)
    found = {}
    for name, part in parts.items():
        adapter = sum(p.numel() for p in adapter_parameters(part)) if isinstance(part, PeftModel) else 0
        found[name] = (sum(p.numel() for p in part.parameters()) - adapter, adapter)
    return found


def describe(recipe: TrainRecipe, known: Sizes, items: int, stages: Path) -> Table:
    """One row a stage: parameters trained and in all, steps, items, batch, memory, and what is done.

    Memory is that of weights, and for trained ones of gradients, two moments and the average; activations come on top,
    in proportion to batch_size / accumulate.
    """
    cells: list[list[Cell]] = []
    for place, stage in enumerate(recipe.stages, 1):
        name = stage_name(place, stage)
        settings = stage.training
        trained, frozen = _counts(stage, known)
        memory = trained * _copies(settings) + frozen * DTYPES[recipe.model.dtype].itemsize
        done = steps_done(stages / name)
        row: Sequence[Cell] = [name, trained, trained + frozen, settings.steps, items, settings.batch_size]
        cells.append([*row, f"{memory / 2**20:.0f} MiB", done])
    return Table(["stage", "trained", "parameters", "steps", "items", "batch", "weights in training", "done"], cells)


def lines(known: Sizes) -> list[str]:
    """Parameters of each network, and of its adapter."""
    return [
        f"{name}: {own:,} parameters" + (f", adapter {adapter:,}" if adapter else "")
        for name, (own, adapter) in known.items()
    ]


def stage_name(place: int, stage: Stage) -> str:
    """The name of a stage's folder, ``02-base``; places count from 1."""
    return f"{place:02d}-{stage.stage}"


def _counts(stage: Stage, known: Sizes) -> tuple[int, int]:
    """Trained and frozen parameters."""
    if isinstance(stage, AutoencoderStage):
        return known["vae"][0], 0
    networks = known["transformer"][0] + known["text_encoder"][0]
    if isinstance(stage, BaseStage):
        return networks, known["vae"][0]
    return sum(adapter for _, adapter in known.values()), networks + known["vae"][0]


def _copies(settings: Settings) -> int:
    """Bytes a trained weight: itself, its gradient, two moments, the average."""
    return 8 + (2 if settings.optimizer == "adamw8bit" else 8) + (4 if settings.ema_decay else 0)
