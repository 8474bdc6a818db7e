"""The finished model's folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn
from transformers import T5Tokenizer

from synthmed.medart.config import Config
from synthmed.medart.folder import write_model
from synthmed.training.records import write_json


def write_folder(
    folder: Path, config: Config, parts: nn.ModuleDict, tokenizer: T5Tokenizer, training: Mapping[str, Any]
) -> None:
    """Write the model as `synthmed.medart.model.MedArt.save_pretrained` does, and ``training.json``.

    The folder is there whole or not at all.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    old = folder.with_name(f".{folder.name}.old")
    for left in (temporary, old):
        shutil.rmtree(left, ignore_errors=True)
    temporary.mkdir(parents=True)
    write_json(temporary / "training.json", training)
    write_model(temporary, config, parts, tokenizer)
    if folder.exists():  # of the same run with fewer steps
        folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
