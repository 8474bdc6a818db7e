"""What the proofs share: trainings of recipes/medart/isic with something changed, their images, the real ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synthmed.data.assemble import Assembled, assemble
from synthmed.data.datasets import RecordDataset
from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.medart.config import Config, PromptConfig
from synthmed.medart.model import MedArt
from synthmed.medart.rendering import draw
from synthmed.medart.training.captions import captioned
from synthmed.medart.training.recipe import TrainRecipe, train_recipe
from synthmed.medart.training.rows import Rows
from synthmed.medart.training.run import train_medart
from synthmed.recipe import read_recipe
from synthmed.training.records import read_done
from synthmed.whole_files import write_json

RECIPE = "medart/isic"
BATCH = 16


@dataclass(frozen=True)
class Arm:
    """One training.

    Attributes:
        name: of its folder.
        changes: values by dotted key of the recipe, stages by their number.
        captions: ``full``, ``simple`` or ``empty``: of training and of drawing.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    captions: str = "full"


@dataclass(frozen=True)
class Common:
    """What all arms share.

    Attributes:
        data: shared/data.
        base: the model folder that is adapted.
        captions: the table of ``synthmed caption``.
        scale: of all steps; 0.01 sees a proof run.
        overrides: ``key=value`` of the recipe.
    """

    data: Path
    base: Path
    captions: Path
    scale: float = 1.0
    overrides: Sequence[str] = ()


def arm_recipe(common: Common, arm: Arm, seed: int) -> dict[str, Any]:
    """The recipe's keys and values for one arm and seed; N goes with the steps: colour steps keep their number."""
    spec = copy.deepcopy(read_recipe(RECIPE, list(common.overrides)))
    spec["data"]["root"] = str(common.data)
    spec["model"] |= {"base": str(common.base), "seed": seed}
    spec["captions"], spec["caption_files"] = arm.captions, [str(common.captions)]
    (stage,) = spec["stages"]
    stage["training"] |= {"steps": max(2, round(stage["training"]["steps"] * common.scale)), "seed": seed}
    stage["colour"]["every"] = max(1, round(stage["colour"]["every"] * common.scale))
    for key, value in arm.changes.items():
        *path, last = key.split(".")
        place: Any = spec
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        place[last] = value
    return spec


def train_arm(spec: Mapping[str, Any], folder: Path) -> Path:
    """Train, or go on; gives the model's folder. Stopped at any moment, it goes on from its last checkpoint."""
    return train_medart(spec, RECIPE, folder).model


def seconds(folder: Path) -> float:
    """What an arm's steps took, without validation and pictures, by the throughput in its log."""
    (log,) = folder.glob("stages/*-adapt/log.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    points = [line for line in lines if "samples_per_second" in line]
    done = read_done(log.parent) or {}
    steps = np.diff([0, *(line["step"] for line in points)])
    batch = done["settings"]["batch_size"]
    return float(sum(count * batch / line["samples_per_second"] for count, line in zip(steps, points, strict=True)))


@dataclass(frozen=True)
class Real:
    """Real rows with their captions.

    Attributes:
        images: (n, 3, H, W) in [0, 1].
        captions: of them.
        labels: of them.
    """

    images: torch.Tensor
    captions: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]


def real_rows(common: Common, split: str, captions: str = "full", side: int | None = None) -> Real:
    """The rows of a split through the recipe's pipeline, without the ones that training augments by chance."""
    recipe = train_recipe(arm_recipe(common, Arm("real"), 0), RECIPE)
    config = MedArt.from_pretrained(common.base).config
    parts = tuple(part.model_copy(update={"keep": (split,)}) for part in recipe.data.parts)
    spec = recipe.data.model_copy(update={"parts": parts, "size": side or config.pixels[0], "cache": "none"})
    found = _with_captions(assemble(spec), recipe, captions)
    rows = Rows(config.model_copy(update={"image": "photo"}), 3, _dataset(spec, found, split))
    items = [rows[index] for index in range(len(rows))]
    labels = tuple(rows.dataset.rows[place].record.labels for place in rows.indices)
    images = torch.stack([item["image"] for item in items]) / 2 + 0.5
    return Real(images, tuple(item["caption"] for item in items), labels)


def drawn(model: Path, prompts: Sequence[str], keep: Path, guidance: float | None = None) -> torch.Tensor:
    """(n, 3, H, W) in [0, 1], in 8 bits: the image of prompt i has seed i. Kept in a file, and read from it again."""
    if not keep.is_file():
        found = MedArt.from_pretrained(model)
        if guidance is not None:
            found.sampler = {"guidance": guidance}
        made = []
        for start in range(0, len(prompts), BATCH):
            seeds = list(range(start, min(start + BATCH, len(prompts))))
            images = draw(found.config, found.parts, found.tokenizer, [prompts[seed] for seed in seeds], seeds)
            made.append(((images / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8))
        temporary = keep.with_suffix(".tmp.npy")
        np.save(temporary, torch.cat(made).numpy())
        temporary.replace(keep)
    return torch.from_numpy(np.load(keep, allow_pickle=False)).float() / 255


def begin(out: Path, settings: Mapping[str, Any]) -> None:
    """Keep what the folder is of, or refuse another one's.

    Raises:
        UserError: it is of other settings.
    """
    out.mkdir(parents=True, exist_ok=True)
    before = read_done(out, "settings.json", keys=())
    if before is not None and before != settings:
        changed = [key for key in settings if before.get(key) != settings[key]]
        raise UserError(f"{out}: is of other {', '.join(changed)}; put them back, or name another --out")
    write_json(out / "settings.json", settings)


def _with_captions(found: Assembled, recipe: TrainRecipe, mode: Any) -> Assembled:
    wording = Config(pixels=(1, 1), prompts=PromptConfig(templates=recipe.model.prompts))
    captioned(found, mode, recipe.caption_files, wording)
    return found


def _dataset(spec: DataSpec, found: Assembled, split: str) -> RecordDataset:
    return RecordDataset(spec, found, split)
