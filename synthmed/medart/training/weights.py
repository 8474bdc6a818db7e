"""What a finished stage keeps: the weights that it trained, and nothing that stood before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from synthmed.errors import UserError
from synthmed.medart.latents import set_scaling
from synthmed.medart.parts import configs
from synthmed.medart.training.stages import AdaptStage, AutoencoderStage, Stage
from synthmed.models.fingerprint import fingerprint
from synthmed.training.records import DONE, save_weights
from synthmed.whole_files import write_json

WEIGHTS = "weights.safetensors"


def weights_fingerprint(parts: nn.ModuleDict) -> str:
    """Of what the networks compute: their configs, every tensor, adapters among them."""
    return fingerprint(configs(parts), parts.state_dict())


def save_stage(folder: Path, stage: Stage, parts: nn.ModuleDict, record: Mapping[str, Any]) -> None:
    """Write the stage's weights, then ``done.json``, without which they do not count.

    Args:
        record: of ``done.json``; ``scaling`` (shift and scale) is added after an autoencoder.
    """
    save_weights(folder / WEIGHTS, dict(_changed(stage, parts)))
    write_json(folder / DONE, record)


@torch.no_grad()
def load_stage(folder: Path, stage: Stage, parts: nn.ModuleDict, record: Mapping[str, Any]) -> None:
    """Put a finished stage's weights, and its autoencoder's scaling, into the networks.

    Raises:
        UserError: they are damaged, or of other networks.
    """
    path = folder / WEIGHTS
    own = dict(_changed(stage, parts))
    try:
        tensors = load_file(path)
        if tensors.keys() != own.keys():
            raise ValueError("it has other tensors than the networks")
        for name, value in own.items():
            value.copy_(tensors[name])
        if isinstance(stage, AutoencoderStage):
            set_scaling(parts["vae"], *record["scaling"])
    except (OSError, SafetensorError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: {reason}; remove the stage's {DONE} to train it again") from None


def _changed(stage: Stage, parts: nn.ModuleDict) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors that a stage of this kind changes, by name."""
    chosen = ("vae",) if isinstance(stage, AutoencoderStage) else ("transformer", "text_encoder")
    for part in chosen:
        for name, value in parts[part].state_dict().items():
            if not isinstance(stage, AdaptStage) or (isinstance(parts[part], PeftModel) and "lora_" in name):
                yield f"{part}.{name}", value
