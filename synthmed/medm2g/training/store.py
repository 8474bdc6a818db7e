"""Where each part's weights stand between the stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from synthmed.errors import UserError
from synthmed.load import read_config
from synthmed.medm2g.config import Config
from synthmed.medm2g.parts import build_parts, load_parts
from synthmed.medm2g.pretrained import start_from
from synthmed.models.fingerprint import fingerprint
from synthmed.recipe import validate
from synthmed.registry import nearest
from synthmed.training.records import DONE, save_weights
from synthmed.whole_files import write_json

WEIGHTS = "weights.safetensors"
Tensors = dict[str, torch.Tensor]


@dataclass
class Store:
    """The parts' weights: of the last stage that changed them, else of ``init``, else published, else new by the seed.

    Attributes:
        config: the model's.
        seed: of new weights.
        start: tensors of the parts that are taken from ``init``.
        published: folders or hub ids of published weights by part; see `synthmed.medm2g.pretrained.start_from`.
        changed: the folder of the last finished stage that changed a part.
    """

    config: Config
    seed: int
    start: Mapping[str, Tensors] = field(default_factory=dict)
    published: Mapping[str, str | Path] = field(default_factory=dict)
    changed: dict[str, Path] = field(default_factory=dict)

    def load(self, names: Iterable[str]) -> nn.ModuleDict:
        """Networks with their weights, new objects each time; guidance layers come with their flow.

        Raises:
            UserError: a stage's weights are damaged, or published ones do not fit.
        """
        wanted = set(names)
        wanted |= {f"flow_{name.removeprefix('layers_')}" for name in wanted if name.startswith("layers_")}
        parts = build_parts(self.config, self.seed, only=wanted)
        for name, part in parts.items():
            if name in self.changed:
                part.load_state_dict(_read(self.changed[name] / WEIGHTS, name))
            elif name in self.start:
                part.load_state_dict(self.start[name])
            elif name in self.published:
                start_from(part, self.published[name], f"model.pretrained.{name}")
        return parts

    def fingerprint(self, parts: nn.ModuleDict) -> str:
        """Of these networks: their description and every tensor."""
        described = {name: self.config.parts[name] for name in parts}
        return fingerprint(described, parts.state_dict())

    def save(self, folder: Path, parts: Mapping[str, nn.Module], record: Mapping[str, Any]) -> None:
        """Keep what a stage changed: the weights, then ``done.json``, without which they do not count."""
        tensors = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()}
        save_weights(folder / WEIGHTS, tensors)
        write_json(folder / DONE, record)

    def finish(self, folder: Path, names: Iterable[str]) -> None:
        """Take a finished stage's weights from now on."""
        self.changed |= dict.fromkeys(names, folder)


def start_config(folder: Path) -> Config:
    """What a model folder to start from is made of.

    Raises:
        UserError: no MedM2G model, or damaged.
    """
    return validate(read_config(folder), Config, str(folder / "config.json"))


def take_parts(folder: Path, config: Config, only: Iterable[str] | None = None) -> tuple[dict[str, Tensors], list[str]]:
    """The tensors of a model folder's parts that this config has too, and the names of those that are not taken.

    Args:
        only: the parts that are taken; all by default.

    Raises:
        UserError: no MedM2G model, damaged, a part of the same name is of another shape, or one of ``only`` is missing
            on either side.
    """
    other = start_config(folder)
    wished = set(config.parts) & set(other.parts) if only is None else set(only)
    for name in sorted(wished):
        for parts, where in ((config.parts, "the model"), (other.parts, str(folder))):
            if name not in parts:
                raise UserError(f"model.init_parts: {where} has no part {name!r}{nearest(name, parts)}")
    taken: dict[str, Tensors] = {}
    for name in config.parts:
        if name not in wished:
            continue
        names = {name} | ({f"flow_{name.removeprefix('layers_')}"} if name.startswith("layers_") else set())
        chosen = {part: other.parts[part] for part in other.parts if part in names}
        tensors = load_parts(other.model_copy(update={"parts": chosen}), folder)[name].state_dict()
        with torch.device("meta"):
            wanted = build_parts(config, only=names)[name].state_dict()
        for key in sorted({*tensors, *wanted}):
            shapes = [tuple(side[key].shape) if key in side else None for side in (tensors, wanted)]
            if shapes[0] != shapes[1]:
                raise UserError(
                    f"{folder / name}: {key} is {shapes[0]}, the recipe's is {shapes[1]}; "
                    "give model the size, fields, masks and parts of --init"
                )
        taken[name] = tensors
    if not taken:
        raise UserError(f"{folder}: has none of the recipe's parts; is it the right model for --init?")
    return taken, [name for name in config.parts if name not in taken]


def _read(path: Path, part: str) -> Tensors:
    try:
        with safe_open(path, "pt") as file:
            names = [key for key in file.keys() if key.startswith(f"{part}.")]  # noqa: SIM118  # not a mapping
            return {key.removeprefix(f"{part}."): file.get_tensor(key) for key in names}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: {error}; remove the stage's {DONE} to train it again") from None
