"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Readable JSON.

    Raises:
        OSError: it cannot be written; what stood there stays.
    """
    write_bytes(path, json_bytes(value))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under a name of this process's own, and put it in its place.

    Raises:
        OSError: it cannot be written; what stood there stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def replace(temporary: Path, path: Path) -> None:
    """Put a file that is written whole in another's place, once it is on the disk."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which then stands in ``folder``'s place; only one process may fill it."""
    temporary, old = (folder.with_name(f".{folder.name}.{state}") for state in ("tmp", "old"))
    for left in (temporary, old):
        shutil.rmtree(left, ignore_errors=True)
    temporary.mkdir(parents=True)
    yield temporary
    if folder.exists():
        folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def json_bytes(value: Any, *, allow_nan: bool = True) -> bytes:
    """Readable JSON as the bytes of a file.

    Raises:
        ValueError: a number is NaN or infinite, and ``allow_nan`` is not set.
    """
    return encoded(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=allow_nan) + "\n")


def encoded(text: str) -> bytes:
    """UTF-8. A file name of other bytes reaches Python as lone surrogates, which no file takes: they are escaped."""
    return text.encode("utf-8", "backslashreplace")
