"""The finished model's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn
from transformers import T5Tokenizer

from synthmed.medart.config import Config
from synthmed.medart.folder import write_model
from synthmed.whole_files import whole_folder, write_json


def write_folder(
    folder: Path, config: Config, parts: nn.ModuleDict, tokenizer: T5Tokenizer, training: Mapping[str, Any]
) -> None:
    """Write the model as `synthmed.medart.model.MedArt.save_pretrained` does, and ``training.json``.

    The folder is there whole or not at all. One that is there is of the same run with fewer steps.
    """
    with whole_folder(folder) as place:
        write_json(place / "training.json", training)
        write_model(place, config, parts, tokenizer)
