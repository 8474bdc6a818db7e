"""A model folder: a diffusers PixArt pipeline with peft's adapters beside it, and what only synthmed needs to know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import pydantic
import torch
from peft import PeftModel
from torch import nn
from transformers import T5Tokenizer

from synthmed.errors import UserError
from synthmed.hub import HubId, hub_id, located
from synthmed.load import read_config
from synthmed.medart.config import Config, SchedulerConfig
from synthmed.medart.lora import load_adapter, read_spec, save_adapter, without_adapter
from synthmed.medart.parts import PARTS, load_parts, without_bars
from synthmed.medart.tokenizer import load_tokenizer
from synthmed.problem import problem
from synthmed.whole_files import write_json

ADAPTERS = {"transformer": "transformer_lora", "text_encoder": "text_encoder_lora"}
PIPELINE_FILES = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/*.json",
    "tokenizer/spiece.model",
    *(f"{part}/config.json" for part in PARTS),
    "text_encoder/model.safetensors",
    "text_encoder/model-*-of-*.safetensors",
    "text_encoder/model.safetensors.index.json",
    "transformer/diffusion_pytorch_model.safetensors",
    "transformer/diffusion_pytorch_model-*-of-*.safetensors",
    "transformer/diffusion_pytorch_model.safetensors.index.json",
    "vae/diffusion_pytorch_model.safetensors",
)
"""What is fetched of a pipeline on the hub; not the half-precision and other variants beside it."""


def read_model(place: Path, dtype: torch.dtype = torch.float32) -> tuple[Config, nn.ModuleDict, T5Tokenizer]:
    """The model that `write_model` wrote. No pickle is read, and nothing in the folder is run.

    Raises:
        UserError: a file is missing or damaged, a key is unknown or wrong, or a network does not fit.
    """
    try:
        config = Config.model_validate_json(json.dumps(read_config(place)))
    except pydantic.ValidationError as error:
        raise UserError(f"{place / 'config.json'}: {problem(error)}") from None
    base = place if config.base is None else located(config.base, PIPELINE_FILES)
    parts = load_parts(base, dtype)
    for name, folder in ADAPTERS.items():
        spec = getattr(config.lora, name)
        if spec is not None:
            part: Any = parts[name]
            parts[name] = load_adapter(part, place / folder)
            found = read_spec(place / folder)
            if any(getattr(found, key) != getattr(spec, key) for key in ("rank", "alpha", "dora")):
                raise UserError(f"{place / folder}: another rank, alpha or dora than config.json says of lora.{name}")
    return config, parts.eval(), load_tokenizer(base / "tokenizer")


def write_model(
    place: Path, config: Config, parts: nn.ModuleDict, tokenizer: T5Tokenizer, dtype: torch.dtype = torch.float32
) -> None:
    """Write config.json and the adapters and, unless the config names a base, the pipeline that they belong to.

    Args:
        dtype: of the pipeline's stored weights; adapters are stored as they are.

    Raises:
        UserError: a network has an adapter that the config does not know, or the other way round.
    """
    for name in ADAPTERS:
        if isinstance(parts[name], PeftModel) != (getattr(config.lora, name) is not None):
            # Read again, the adapter would be lost without a word, or asked for in vain.
            raise UserError(f"lora.{name}: the config and the network do not agree on whether there is an adapter")
    place.mkdir(parents=True, exist_ok=True)
    for name, folder in ADAPTERS.items():
        part: Any = parts[name]
        if isinstance(part, PeftModel):
            save_adapter(part, place / folder)
    if config.base is None:
        index: dict[str, Any] = {"_class_name": "PixArtAlphaPipeline", "_diffusers_version": diffusers.__version__}
        for name in PARTS:
            bare = without_adapter(parts[name], dtype)
            with without_bars():
                bare.save_pretrained(place / name, safe_serialization=True)
            index[name] = _entry(bare)
        # What the last call asked of it is no part of the model.
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.save_pretrained(place / "tokenizer")
        index["tokenizer"] = ["transformers", "T5Tokenizer"]
        scheduler = config.scheduler.make()
        scheduler.save_pretrained(place / "scheduler")
        index["scheduler"] = _entry(scheduler)
        write_json(place / "model_index.json", dict(sorted(index.items())))
    # Last: a folder without it is no model yet.
    write_json(place / "config.json", config.model_dump(mode="json"))


def pipeline_folder(place: str | Path, name_it: bool | None = None) -> tuple[Path, str | None]:
    """Where a pipeline's files are, and what a model's config calls it; None where the model is to have a copy.

    Args:
        place: a folder, or a hub id, which is pinned to the commit.
        name_it: whether it is named and not copied; None names what is on the hub and copies what is a folder.

    Raises:
        UserError: it is not there.
    """
    folder = located(place, PIPELINE_FILES)
    remote = None if Path(place).is_dir() else hub_id(place)
    if not (folder / "model_index.json").is_file():
        raise UserError(f"{place}: no pipeline; diffusers saves one as a folder with a model_index.json")
    if remote is not None:
        pinned = str(HubId(remote.repository, folder.name))
        return folder, pinned if name_it is not False else None
    return folder, str(folder.resolve()) if name_it else None


def read_scheduler(folder: Path) -> SchedulerConfig:
    """A pipeline's noise, and its solver where that is DPM-Solver++.

    Raises:
        UserError: the file is damaged, or says what Med-Art does not know.
    """
    file = folder / "scheduler" / "scheduler_config.json"
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise UserError(f"{file}: over {_MOST_BYTES} bytes; this is not a scheduler's config")
        stored = json.loads(file.read_text(encoding="utf-8"))
        names = set(SchedulerConfig.model_fields)
        if stored["_class_name"] != "DPMSolverMultistepScheduler":
            names = {"num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type"}
        else:
            usual = SchedulerConfig().make().config
            for name, value in stored.items():
                if not name.startswith("_") and name not in names and value != usual.get(name, value):
                    raise UserError(f"{file}: {name} is {value!r}; only {usual[name]!r} is known")
        return SchedulerConfig.model_validate({name: stored[name] for name in names if name in stored})
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except pydantic.ValidationError as error:
        raise UserError(f"{file}: {problem(error)}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: not a scheduler's config: {' '.join(str(error).split())}") from None


_MOST_BYTES = 2**20


def _entry(component: Any) -> list[str | None]:
    """As ``model_index.json`` has it; None for what diffusers does not have, so that its pipeline gives latents."""
    library = type(component).__module__.split(".")[0]
    return [library, type(component).__name__] if library in ("diffusers", "transformers") else [None, None]
