"""A lock file in a local folder, so that two runs do not fill the same shards at once."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from synthmed.errors import UserError
from synthmed.generation.processes import started
from synthmed.generation.storage import Store

STALE_SECONDS = 600.0
"""Another host's lock that was not touched for so long is a dead run's: a living one touches it every few seconds."""


class Lock:
    """One run's claim on a range of shards. ``touch`` it now and then while the run goes on."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def touch(self) -> None:
        """Show other hosts that this run lives."""
        if self._path is not None:
            with suppress(OSError):
                self._path.touch()


@contextmanager
def locked(store: Store, shards: range) -> Iterator[Lock]:
    """Hold the lock on these shards. An object store has none: two runs there write the same bytes twice, no more.

    Raises:
        UserError: a living run holds some of them; names its pid and host.
    """
    if store.local is None:
        yield Lock(None)
        return
    path = store.local / f".lock-{shards.start:06d}-{shards.stop:06d}"
    me = {"pid": os.getpid(), "host": socket.gethostname(), "started": started(os.getpid())}
    while True:
        _refuse_living(store.local, shards, path)
        try:
            with path.open("x", encoding="utf-8") as file:
                json.dump({**me, "shards": [shards.start, shards.stop]}, file)
            break
        except FileExistsError:
            continue  # somebody was faster: look again
    try:
        _refuse_living(store.local, shards, path, but=path)
        yield Lock(path)
    finally:
        path.unlink(missing_ok=True)


def _refuse_living(folder: Path, shards: range, mine: Path, but: Path | None = None) -> None:
    for path in sorted(folder.glob(".lock-*")):
        holder = _read(path)
        if path == but or holder is None:
            continue
        start, stop = holder["shards"]
        if start >= shards.stop or stop <= shards.start:
            continue
        if _alive(holder, path):
            raise UserError(
                f"{folder}: process {holder['pid']} on {holder['host']} is filling shards {start}:{stop}; wait for it, "
                f"or remove {path.name} if it is gone"
            )
        if path == mine:
            path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        start, stop = holder["shards"]
        return {
            "pid": int(holder["pid"]),
            "host": str(holder["host"]),
            "started": holder["started"],
            "shards": (start, stop),
        }
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        # Half-written by a run that was killed at once; one that lives writes it within the second.
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > 1.0:
                path.unlink()
        return None


def _alive(holder: dict[str, Any], path: Path) -> bool:
    if holder["host"] == socket.gethostname():
        return holder["started"] is not None and started(holder["pid"]) == holder["started"]
    with suppress(OSError):
        return time.time() - path.stat().st_mtime < STALE_SECONDS
    return False
