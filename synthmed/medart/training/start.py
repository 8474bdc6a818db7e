"""The networks that a run begins with: new ones, a PixArt pipeline's, or a Med-Art folder's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import PixArtTransformer2DModel
from peft import PeftModel
from torch import nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from synthmed.errors import UserError
from synthmed.hub import hub_id, located
from synthmed.load import read_config
from synthmed.medart.config import Config, Lora, SchedulerConfig
from synthmed.medart.folder import PIPELINE_FILES, pipeline_folder, read_model, read_scheduler
from synthmed.medart.latents import downsampling
from synthmed.medart.parts import PARTS, build_parts, load_parts, network
from synthmed.medart.sizes import describe_parts
from synthmed.medart.tokenizer import load_tokenizer
from synthmed.medart.training.recipe import ModelSpec
from synthmed.models.networks import NETWORKS

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_FILES = (*PIPELINE_FILES, "config.json", "*_lora/adapter_config.json", "*_lora/adapter_model.safetensors")


@dataclass
class Start:
    """What a run begins with.

    Attributes:
        parts: the networks, in evaluation mode; with the adapters of ``init`` where it has such.
        tokenizer: T5's; None where new networks are described without it.
        ready: parts that somebody trained.
        config: of a Med-Art folder; None for others.
        scheduler: the noise that the transformer was trained with.
        base: what the model's config is to call the networks; None where the model holds them itself.
        lora: adapters that ``parts`` have.
    """

    parts: nn.ModuleDict
    tokenizer: T5Tokenizer | None
    ready: frozenset[str] = frozenset()
    config: Config | None = None
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    base: str | None = None
    lora: Lora = field(default_factory=Lora)

    @property
    def pixels(self) -> int:
        """The side that the transformer was made for."""
        transformer = network(self.parts["transformer"])
        return int(transformer.config["sample_size"]) * downsampling(self.parts["vae"])


def new_start(spec: ModelSpec, channels: int, tokenizer: T5Tokenizer) -> Start:
    """New networks of the recipe's size, by its seed.

    Args:
        channels: of the images.

    Raises:
        UserError: the recipe names no size, or a side that does not fit.
    """
    if spec.size is None:
        raise UserError("model.size is missing: name a size for new networks, or what to start from as model.base")
    described = describe_parts(spec.size, len(tokenizer), side=spec.image_size, channels=channels)
    return Start(build_parts(described, spec.seed), tokenizer)


def found_start(spec: ModelSpec) -> Start:
    """The networks that ``init``, else ``base``, names.

    Raises:
        UserError: it is missing or damaged, or no pipeline and no Med-Art folder.
    """
    place = spec.init or spec.base
    if place is None:
        raise ValueError("a start without init and base")
    dtype = DTYPES[spec.dtype]
    folder = located(place, _FILES)
    if not (folder / "config.json").is_file():
        folder, base = pipeline_folder(place)
        return Start(
            load_parts(folder, dtype),
            load_tokenizer(folder / "tokenizer"),
            frozenset(PARTS),
            scheduler=read_scheduler(folder),
            base=base,
        )
    config, parts, tokenizer = read_model(folder, dtype)
    start = Start(parts, tokenizer, frozenset(PARTS), config, config.scheduler, config.base, config.lora)
    return start if spec.init else _merged(start)


def described_start(spec: ModelSpec, channels: int, tokenizer: Callable[[], T5Tokenizer]) -> Start:
    """As `new_start` and `found_start`, but on the meta device: shapes without weights, for a dry run.

    A hub id is not fetched where the recipe says the size.

    Raises:
        UserError: as they do.
    """
    place = spec.init or spec.base
    with torch.device("meta"):
        if place is None:
            return new_start(spec, channels, tokenizer())
        if spec.size is not None and not Path(place).is_dir() and hub_id(place):
            described = describe_parts(spec.size, 32128, side=spec.image_size)
            return Start(build_parts(described, spec.seed), None, frozenset(PARTS), base=place)
        folder = located(place, _FILES)
        config = None
        if (folder / "config.json").is_file():
            config = Config.model_validate(read_config(folder))
            folder = located(config.base, PIPELINE_FILES) if config.base else folder
        parts = nn.ModuleDict({name: _shapes(name, folder / name) for name in PARTS}).eval()
    return Start(parts, None, frozenset(PARTS), config, lora=Lora())


def _merged(start: Start) -> Start:
    """With its adapters added to the weights; these are then the model's own."""
    if start.lora == Lora():
        return start
    for name, part in start.parts.items():
        if isinstance(part, PeftModel):
            merged: Any = part.merge_and_unload()
            start.parts[name] = merged
    start.lora, start.base = Lora(), None
    return start


def _shapes(name: str, folder: Path) -> Any:
    described = read_config(folder)
    try:
        if name == "text_encoder":
            return T5EncoderModel(T5Config.from_dict(described))
        kind: Any = PixArtTransformer2DModel if name == "transformer" else NETWORKS.get(described["_class_name"])
        return kind.from_config(described)
    except UserError:
        raise
    except Exception as error:  # whatever diffusers and transformers make of a stranger's folder
        raise UserError(f"{folder}: no {name}: {' '.join(str(error).split())[:300]}") from None
