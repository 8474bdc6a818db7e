"""The finished model's folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthmed.medm2g.config import Config
from synthmed.medm2g.parts import save_parts
from synthmed.medm2g.tokenizer import Tokenizers
from synthmed.medm2g.training.store import Store
from synthmed.training.records import write_json


def write_model(
    folder: Path, config: Config, store: Store, tokenizers: Tokenizers, training: Mapping[str, Any]
) -> None:
    """Write ``config.json``, a folder a part, ``tokenizer/`` and ``training.json``; the folder is whole or not there.

    Only one part is in memory at a time.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name in config.parts:
        part = store.load([name])[name]
        part.eval()
        save_parts({name: part}, temporary)
    tokenizers.save(temporary / "tokenizer")
    write_json(temporary / "training.json", training)
    write_json(temporary / "config.json", config.model_dump(mode="json"))
    if folder.exists():  # of the same run with fewer steps
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(folder.with_name(f".{folder.name}.old"), ignore_errors=True)
