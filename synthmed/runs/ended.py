"""How a run of stages ends, and what it tells on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

OnStep = Callable[[str, int, int, Mapping[str, float]], None]
"""(stage, steps done, steps in all, losses)."""
OnNote = Callable[[str], None]
"""A line between the stages."""


@dataclass(frozen=True)
class Run:
    """How a run ended.

    Attributes:
        finished: the model is in ``model``.
        reason: ``finished``, ``dry run``, or why a stage stopped: the same call goes on.
        model: the model's folder.
    """

    finished: bool
    reason: str
    model: Path


def silent(text: str) -> None:
    """Of several processes one tells."""
