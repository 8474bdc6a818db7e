"""What a run is of, kept in its folder, so that another one's is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydantic

from synthmed.errors import UserError
from synthmed.training.records import read_done
from synthmed.training.resume import differences
from synthmed.whole_files import write_json

RUN = "run.json"


def begun(out: Path) -> bool:
    """Whether the folder holds a run; one without `RUN` is what a kill left."""
    return (out / RUN).exists()


def begin(
    out: Path,
    record: Mapping[str, Any],
    first: Callable[[], None] = lambda: None,
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> None:
    """Keep what the run is of.

    Args:
        record: JSON values by section; all must be equal when the run goes on.
        first: what a new run does before it counts as begun.
        upgrade: a record as an older release wrote it, in today's keys.

    Raises:
        UserError: the folder holds another run; the message names what differs.
    """
    before = read_done(out, RUN, keys=record)
    if before is None:
        first()
    else:
        before = upgrade(before)
        changes = [line for name in record for line in differences(name, before[name], record[name])]
        if changes:
            raise UserError(f"{out}: holds another run: {'; '.join(changes)}; put them back, or name another --out")
    write_json(out / RUN, record)


def described(stage: pydantic.BaseModel) -> dict[str, Any]:
    """A stage's own entries, as its fingerprint has them; a file of weights by what is in it, as it may have moved."""
    entries = stage.model_dump(mode="json", exclude={"training"})
    for name in entries:
        value = getattr(stage, name)
        if isinstance(value, Path) and value.is_file():
            entries[name] = hashlib.sha256(value.read_bytes()).hexdigest()
    return entries
