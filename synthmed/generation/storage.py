"""A dataset's folder, local or any fsspec URL. A file is there whole or not at all."""

from __future__ import annotations

import os
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fsspec.implementations.local import LocalFileSystem

from synthmed.errors import SynthmedError, UserError
from synthmed.generation.processes import started
from synthmed.generation.urls import filesystem

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<host>[^.]+)\.(?P<pid>\d+)-\d+\.tmp\Z")


class Store:
    """Read and commit files of one folder.

    Local files are written beside their place, synchronised to disk, then renamed over it. For an object store they are
    spooled locally and sent by one upload, which object stores show whole or not at all.

    Args:
        url: a path, or a URL that fsspec knows (``s3://bucket/folder``, ``memory://folder``).

    Raises:
        UserError: no such protocol, one that runs commands, or one whose package is not installed.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = str(url)
        self._fs, self._root = filesystem(self.url)
        self.local = Path(self._root) if isinstance(self._fs, LocalFileSystem) else None

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return type(self), (self.url,)

    def __str__(self) -> str:
        return self.url

    @property
    def shared(self) -> bool:
        """Whether other processes see the same files (``memory://`` lives in one)."""
        return "memory" not in (self._fs.protocol if isinstance(self._fs.protocol, tuple) else (self._fs.protocol,))

    def prepare(self) -> None:
        """Make the folder and see that a file can be written.

        Raises:
            UserError: it cannot.
        """
        try:
            self._fs.makedirs(self._root, exist_ok=True)
            if self.local is not None:
                with tempfile.TemporaryFile(dir=self.local):
                    pass
        except Exception as error:  # each file system has its own
            raise UserError(
                f"{self.url}: cannot write there ({_reason(error)}); name another folder with --out"
            ) from None

    def path(self, name: str) -> str:
        """The file's full path in its file system."""
        return f"{self._root}/{name}"

    def names(self) -> list[str]:
        """Names of the files in the folder, sorted; empty where there is no folder."""
        try:
            with self._reaching():
                return sorted(
                    str(path).rsplit("/", 1)[-1] for path in self._fs.ls(self._root, detail=False, refresh=True)
                )
        except FileNotFoundError:
            return []

    def size(self, name: str) -> int | None:
        """The file's size in bytes; None where it is not there."""
        try:
            with self._reaching():
                return int(self._fs.info(self.path(name), refresh=True)["size"])
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, name: str, limit: int = 2**28) -> bytes | None:
        """The file's bytes; None where it is not there.

        Raises:
            UserError: it is larger than ``limit``.
        """
        size = self.size(name)
        if size is None:
            return None
        if size > limit:
            raise UserError(f"{self.url}/{name}: {size} bytes; at most {limit} are read")
        with self._reaching():
            return bytes(self._fs.cat_file(self.path(name)))

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file to write to, committed under ``name`` at the end and dropped if the body raises."""
        if self.local is None:
            with tempfile.NamedTemporaryFile(prefix="synthmed-") as file:
                yield file  # type: ignore[misc]  # a NamedTemporaryFile is a BinaryIO in all but name
                file.flush()
                with self._reaching():
                    self._fs.put_file(file.name, self.path(name))
            return
        place = self.local / name
        temporary = self.local / f".{name}.{_host()}.{os.getpid()}-{threading.get_ident()}.tmp"
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place)
            _sync_folder(self.local)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    def write(self, name: str, text: str) -> None:
        """Commit a text file, unless it holds just that already."""
        data = text.encode("utf-8")
        if self.read(name) != data:
            with self.writing(name) as file:
                file.write(data)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """A server's refusal in one line: each object store's client has exceptions of its own."""
        try:
            yield
        except (OSError, SynthmedError):
            raise
        except Exception as error:
            raise SynthmedError(f"{self.url}: {type(error).__name__}: {_reason(error)}; try again later") from error

    def drop_abandoned(self) -> list[str]:
        """Remove temporary files that dead processes of this host left behind; gives the names they were meant for."""
        dropped = []
        for path in self.local.iterdir() if self.local else ():
            match = _TEMPORARY.match(path.name)
            if match and match["host"] == _host() and started(int(match["pid"])) is None:
                path.unlink(missing_ok=True)
                dropped.append(match["name"])
        return sorted(dropped)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "localhost"


def _sync_folder(folder: Path) -> None:
    """A rename survives a power cut only once its folder is on disk."""
    with suppress(OSError):  # some network file systems cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
