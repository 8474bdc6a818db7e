"""The finished model's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthmed.medm2g.config import Config
from synthmed.medm2g.parts import save_parts
from synthmed.medm2g.tokenizer import Tokenizers
from synthmed.medm2g.training.store import Store
from synthmed.whole_files import whole_folder, write_json


def write_model(
    folder: Path, config: Config, store: Store, tokenizers: Tokenizers, training: Mapping[str, Any]
) -> None:
    """Write ``config.json``, a folder a part, ``tokenizer/`` and ``training.json``; the folder is whole or not there.

    Only one part is in memory at a time. A folder that is there is of the same run with fewer steps.
    """
    with whole_folder(folder) as place:
        for name in config.parts:
            part = store.load([name])[name]
            part.eval()
            save_parts({name: part}, place)
        tokenizers.save(place / "tokenizer")
        write_json(place / "training.json", training)
        write_json(place / "config.json", config.model_dump(mode="json"))
