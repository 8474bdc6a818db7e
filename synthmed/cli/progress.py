"""How a run is shown: a progress bar, lines of JSON, or nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from synthmed.generation.listener import Listener
from synthmed.generation.plan import Plan


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} samples/s" if speed else "- samples/s")


class Bar(Listener):
    """One bar on standard error: samples, samples/s, time left, shards committed."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.completed:.0f}/{task.total:.0f} samples"),
            BarColumn(bar_width=30),
            _Rate(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[shards]} shards"),
            console=Console(stderr=True),
        )

    def started(self, plan: Plan, out: str, shards: range, done: int, workers: int) -> None:
        """Show what there is to do, and where."""
        total = sum(len(plan.shard(shard)) for shard in shards)
        where = f"{total} samples of {plan.model_name} in {len(shards)} shards -> {out}"
        self._bar.console.print(f"{where}{f'; {done} shards are there already' if done else ''}", soft_wrap=True)
        left = total - min(done * plan.shard_size, total)
        self._done, self._shards = done, len(shards)
        self._task = self._bar.add_task("", total=total, completed=total - left, shards=self._count())
        self._bar.start()

    def progress(self, samples: int) -> None:
        """Move the bar."""
        self._bar.advance(self._task, samples)

    def committed(self, shard: int, stats: Mapping[str, Any]) -> None:
        """Count the shard."""
        self._done += 1
        self._bar.update(self._task, shards=self._count())

    def note(self, text: str, detail: str = "") -> None:
        """Print above the bar."""
        self._bar.console.print(text, soft_wrap=True, markup=False)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar.tasks:
            self._bar.stop()

    def _count(self) -> str:
        return f"{self._done}/{self._shards}"


class JsonLog(Listener):
    """One JSON object a line on standard output for each event but the single batches."""

    def started(self, plan: Plan, out: str, shards: range, done: int, workers: int) -> None:
        """``started``: the plan's content and environment."""
        self._log(
            "started", out=out, shards=[shards.start, shards.stop], done=done, workers=workers, plan=plan.content()
        )

    def ready(self) -> None:
        """``ready``: one of the workers."""
        self._log("ready")

    def committed(self, shard: int, stats: Mapping[str, Any]) -> None:
        """``committed``: the shard's stats."""
        self._log("committed", number=shard, **stats)

    def note(self, text: str, detail: str = "") -> None:
        """``note``: with the traceback."""
        self._log("note", text=text, detail=detail)

    def finished(self, out: str, complete: bool) -> None:
        """``finished``."""
        self._log("finished", out=out, complete=complete)

    def close(self) -> None:
        """Nothing to put away."""

    def _log(self, event: str, **values: Any) -> None:
        print(json.dumps({"time": time.time(), "event": event, **values}, sort_keys=True), file=sys.stdout, flush=True)


class Quiet(Listener):
    """Only what went wrong, on standard error."""

    def note(self, text: str, detail: str = "") -> None:
        """Print it."""
        print(text, file=sys.stderr)

    def close(self) -> None:
        """Nothing to put away."""
