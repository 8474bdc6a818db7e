"""What a run writes down beside its weights: JSON that is there whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthmed.errors import UserError

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


def write_json(path: Path, value: Any) -> None:
    """Readable JSON, there whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(
        json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", errors="backslashreplace"
    )
    replace(temporary, path)


def replace(temporary: Path, path: Path) -> None:
    """Put a file that is written whole, and is on the disk, in another's place."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


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
