"""What an evaluation found, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from synthmed.errors import UserError
from synthmed.evaluation.metric import Figure
from synthmed.whole_files import json_bytes, write_bytes

_NUMBERS = ("value", "low", "high", "floor", "floor_low", "floor_high")
_MAX_BYTES = 2**26


@dataclass(frozen=True)
class Outcome:
    """What one metric gave.

    Attributes:
        metric: its name in the registry.
        goal: ``low``, ``high``, ``real``, or ``""`` of a metric that could not be made.
        range: of the values, (low, high); None for an end at infinity.
        figures: as they were found; one without a value where the metric was left out.
        left_out: why it did not run, or what stopped it; ``""`` for one that ended well.
    """

    metric: str
    summary: str = ""
    goal: str = ""
    range: tuple[float | None, float | None] = (None, None)
    source: str = ""
    figures: tuple[Figure, ...] = ()
    left_out: str = ""

    def to_json(self) -> dict[str, Any]:
        """Of JSON's own types alone; no number is NaN or infinite."""
        return {**asdict(self), "range": list(self.range), "figures": [_plain(figure) for figure in self.figures]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        """As `to_json` gave it.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        names = {field.name for field in fields(cls)}
        if set(data) != names:
            raise ValueError(f"keys {sorted(data)}, not {sorted(names)}")
        low, high = data["range"]
        figures = tuple(Figure(**figure) for figure in data["figures"])
        return cls(**{**data, "range": (low, high), "figures": figures})


def finite(figure: Figure) -> Figure:
    """The figure in Python's own numbers, None in place of what is not finite; a note says so of the value."""
    numbers: dict[str, Any] = {name: finite_or_none(getattr(figure, name)) for name in _NUMBERS}
    note = figure.note
    if figure.value is not None and numbers["value"] is None:
        note = "; ".join(filter(None, (note, f"the value is {float(figure.value)}")))
    return replace(figure, **numbers, n=int(figure.n), scope=dict(figure.scope), note=note)


def write_json(path: Path, value: Any) -> None:
    """Readable JSON, there whole or not at all.

    Raises:
        UserError: it cannot be written.
        ValueError: a number is NaN or infinite.
    """
    write(path, json_bytes(value, allow_nan=False))


def write(path: Path, data: bytes) -> None:
    """A file that is there whole or not at all; its folder is made if need be.

    Raises:
        UserError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name another --out") from None


def read_json(path: Path) -> Any:
    """What `write_json` wrote; None where there is nothing, or nothing readable."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _plain(figure: Figure) -> dict[str, Any]:
    return asdict(finite(figure))


def finite_or_none(value: float | None) -> float | None:
    """None in place of what JSON has no number for."""
    return None if value is None or not math.isfinite(value) else float(value)
