"""What a run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthmed.generation.plan import Plan


class Listener:
    """Hears how a run goes; this one says nothing. The command line has a progress bar and a JSON log."""

    def started(self, plan: Plan, out: str, shards: range, done: int, workers: int) -> None:
        """The run begins: ``done`` of the range's shards are there already."""

    def ready(self) -> None:
        """A worker has loaded the model and begins."""

    def progress(self, samples: int) -> None:
        """So many more samples are made; negative where a shard was abandoned."""

    def committed(self, shard: int, stats: Mapping[str, Any]) -> None:
        """A shard is in place."""

    def note(self, text: str, detail: str = "") -> None:
        """Something to know, in one line, with a traceback as detail."""

    def finished(self, out: str, complete: bool) -> None:
        """The run's shards are all there; ``complete`` when the whole dataset is."""
