"""Where one shard's members lie, by its parquet file."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.parquet

from synthmed.codec import MAX_TEXT_BYTES
from synthmed.data.pixels import check_file
from synthmed.data.reading import MAX_PNG_BYTES, MAX_TAR_BYTES
from synthmed.data.sources.shards import MAX_TABLE_BYTES
from synthmed.errors import UserError

MAX_STATS_BYTES = 2**20


class ShardTable:
    """Keys, and offsets and lengths of members; their bytes are read when they are asked for.

    Attributes:
        tar: the shard.
        keys: of its samples, in order.
        accepted: (n,) whether each passed its quality checks.

    Raises:
        UserError: the table is damaged or of another set, or the tar is missing.
    """

    def __init__(self, path: Path, suffixes: Sequence[str]) -> None:
        self.tar = path.with_suffix(".tar")
        self._bytes = check_file(self.tar, MAX_TAR_BYTES)
        names = [f"{what}.{suffix}" for suffix in suffixes for what in ("offset", "length")]
        table = _read(path, ["key", "accepted", *names])
        self.keys: list[str] = [str(key) for key in table["key"].to_pylist()]
        self.accepted: npt.NDArray[np.bool_] = np.array(table["accepted"].to_pylist(), bool)
        try:
            self._places = {name: np.array(table[name].to_pylist(), np.int64) for name in names}
        except (TypeError, ValueError, OverflowError):
            raise UserError(f"{path}: offsets are not whole numbers; make the shard again") from None

    def read(self, row: int, suffix: str) -> bytes:
        """One member's bytes.

        Raises:
            UserError: it lies outside the tar, is larger than members are, or cannot be read.
        """
        offset, length = int(self._places[f"offset.{suffix}"][row]), int(self._places[f"length.{suffix}"][row])
        limit = MAX_PNG_BYTES if suffix.endswith(".png") else MAX_TEXT_BYTES
        if offset < 0 or not 0 <= length <= limit or offset + length > self._bytes:
            raise UserError(f"{self.tar}: {self.keys[row]}.{suffix}: no {length} bytes at {offset}; make it again")
        try:
            descriptor = os.open(self.tar, os.O_RDONLY)
            try:
                data = os.pread(descriptor, length, offset)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UserError(f"{self.tar}: {error.strerror}") from None
        if len(data) != length:
            raise UserError(f"{self.tar}: {self.keys[row]}.{suffix}: truncated; copy or make the shard again")
        return data


def shard_digest(path: Path) -> list[str]:
    """The sha256 of a shard's tar and of its parquet.

    The tar's is what its stats.json says, if the size is still the same; its bytes are read where there is none.

    Raises:
        UserError: a file is missing, or the tar is of another size than stats.json says.
    """
    tar = path.with_suffix(".tar")
    size = check_file(tar, MAX_TAR_BYTES)
    entry = _stats(path.with_suffix(".stats.json")).get("tar")
    check_file(path, MAX_TABLE_BYTES)
    if not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
        return [_sha256(tar), _sha256(path)]
    if entry.get("bytes") != size:
        raise UserError(f"{tar}: {size} bytes, {entry.get('bytes')} in its stats.json; copy or make it again")
    return [entry["sha256"], _sha256(path)]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stats(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    check_file(path, MAX_STATS_BYTES)
    try:
        stats = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return stats if isinstance(stats, dict) else {}


def _read(path: Path, columns: list[str]) -> pyarrow.Table:
    check_file(path, MAX_TABLE_BYTES)
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(path.read_bytes()), columns=columns)
        table.validate(full=True)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path}: damaged parquet ({' '.join(str(error).split())[:200]}); make it again") from None
    if table.column_names != columns or any(column.null_count for column in table.columns):
        raise UserError(f"{path}: columns or cells are missing; make the shard again")
    return table
