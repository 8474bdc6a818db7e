"""One run a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from synthmed.errors import UserError

PATIENCE = 10.0
"""Seconds; the loader workers of a killed run may hold its lock until they notice."""


@contextmanager
def locked(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the folder. The system lets go of the lock with the process, however that ends.

    Raises:
        UserError: another run holds it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=patience)
        lock.acquire()
    except Timeout:
        raise UserError(f"{folder}: another run is training here; wait for it, or name another folder") from None
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror}); name another folder") from None
    try:
        yield
    finally:
        lock.release()
