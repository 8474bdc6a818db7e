"""Where shards are read from: local folders and object stores, never a command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec

from synthmed.errors import UserError

PROTOCOLS = frozenset(
    {"file", "local", "memory", "http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "hf"}
)
"""fsspec protocols that only fetch bytes. Others run programs (``arrow_hdfs``), templates (``reference``) or chains."""


def filesystem(url: str | Path) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of a URL or local path, and the path within it.

    Raises:
        UserError: ``pipe:``, a chained URL, a protocol that is not in `PROTOCOLS`, or one whose package is missing.
    """
    text = str(url)
    scheme = text.partition("://")[0] if "://" in text else ""
    if text.lower().startswith(("pipe:", "data:")) or "::" in text or (scheme and scheme.lower() not in PROTOCOLS):
        raise UserError(
            f"{text!r} is not a place that is read from; give a folder, or a URL that starts with one of "
            f"{', '.join(sorted(PROTOCOLS))}"
        )
    try:
        fs, path = fsspec.core.url_to_fs(text)
    except ImportError as error:
        raise UserError(f"{text}: {error}; install the package that it names") from None
    return fs, path


def join(url: str | Path, name: str) -> str:
    """The URL of a file in a folder."""
    return f"{str(url).rstrip('/')}/{name}"


def read_bounded(url: str | Path, limit: int) -> bytes:
    """A small file's bytes.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it cannot be read, or is larger than ``limit``.
    """
    fs, path = filesystem(url)
    try:
        with fs.open(path, "rb") as file:
            data: Any = file.read(limit + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{url}: {error.strerror or error}") from None
    if len(data) > limit:
        raise UserError(f"{url}: over {limit} bytes; this is not a file that synthmed wrote")
    return bytes(data)
