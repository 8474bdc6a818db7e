"""What a run keeps: records as JSON, and weights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from synthmed.errors import UserError
from synthmed.whole_files import replace

DONE = "done.json"


def read_done(
    folder: Path, name: str = DONE, keys: Iterable[str] = ("fingerprint", "settings", "step")
) -> dict[str, Any] | None:
    """``done.json`` of a stage, or another record of a run; None where it is not there.

    Raises:
        UserError: it is damaged.
    """
    path = folder / name
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not JSON ({error}); remove it to go on without") from None
    if not isinstance(record, dict) or not set(keys) <= record.keys():
        raise UserError(f"{path}: not what was written; remove it to go on without")
    return record


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Tensors of any device as a safetensors file that is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    # A copy: safetensors takes neither shared nor channels-last memory.
    save_file({name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}, temporary)
    replace(temporary, path)


def last_losses(folder: Path) -> dict[str, Any]:
    """The last line of averages in a stage's ``log.jsonl``, and ``validation`` where there is one."""
    found: dict[str, Any] = {"losses": {}}
    path = folder / "log.jsonl"
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        line: Mapping[str, Any] = json.loads(text)
        if "validation" in line:
            found["validation"] = line["validation"]
        else:
            left_out: Sequence[str] = ("step", "samples_per_second", "gradient_norm", "learning_rate")
            found["losses"] = {name: value for name, value in line.items() if name not in left_out}
    return found
