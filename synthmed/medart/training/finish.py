"""The finished model's folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn
from transformers import T5Tokenizer

from synthmed.medart.config import Config
from synthmed.medart.folder import ADAPTERS, write_model
from synthmed.medart.lora import CONFIG
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
    # What the last call asked of it is no part of the model.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    write_model(temporary, config, parts, tokenizer)
    for adapter in ADAPTERS.values():
        _sort_targets(temporary / adapter / CONFIG)
    if folder.exists():  # of the same run with fewer steps
        folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _sort_targets(file: Path) -> None:
    """peft writes a set in the order that this process happens to have; runs are to be equal to the byte."""
    if file.is_file():
        stored = json.loads(file.read_text(encoding="utf-8"))
        write_json(file, {**stored, "target_modules": sorted(stored["target_modules"])})
