"""This room's metrics, by where they are found."""

from __future__ import annotations

from typing import Any

from synthmed.registry import Entry

ENTRIES: tuple[Entry[Any], ...] = (
    Entry(
        "copy_rate",
        "share of images that show a training image again, with the sensitivity of the looking",
        "synthmed.evaluation.copying.rate:CopyRate",
    ),
)
