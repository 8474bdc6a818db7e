"""Random access to the samples of finished shards, by the offsets in their parquet files."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt

from synthmed.codec import decode
from synthmed.errors import UserError
from synthmed.fields import Layout
from synthmed.generation.plan import shard_name
from synthmed.generation.recent import Recent
from synthmed.generation.tar_stream import KEY, check_key, max_bytes
from synthmed.generation.urls import filesystem, join, read_bounded
from synthmed.sample import Sample

MAX_PARQUET_BYTES = 2**28
_KEPT_SHARDS = 256
_TAR_OVERHEAD = 1024
"""A member's header and padding take less."""


@dataclass(frozen=True)
class _Shard:
    """Where a shard's samples stand: row i of ``offsets`` and ``lengths`` (n, members) is sample i's."""

    path: str
    where: str
    keys: list[str]
    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


class ShardReader:
    """Samples of a folder of shards by index; picklable. Local files are read with pread, others by byte ranges.

    Args:
        n: samples in all.
        shard_size: samples in every shard but the last.

    Raises:
        UserError: the URL is not one that is read from.
    """

    def __init__(self, url: str | Path, layout: Layout, n: int, shard_size: int) -> None:
        self.url = str(url)
        self.layout = layout
        self._n = n
        self._shard_size = shard_size
        self._suffixes = layout.members()
        self._fs, _ = filesystem(self.url)
        self._shards: Recent[_Shard] = Recent(_KEPT_SHARDS)

    def __len__(self) -> int:
        return self._n

    def samples(self, indices: Sequence[int]) -> list[Sample]:
        """The samples at these indices (0 ≤ index < n).

        Raises:
            UserError: a file is missing or damaged; names it and the sample.
        """
        return [self._sample(*divmod(index, self._shard_size)) for index in indices]

    def _sample(self, number: int, row: int) -> Sample:
        shard = self._shards.get(number, lambda: self._open(number))
        key, offsets, lengths = shard.keys[row], shard.offsets[row], shard.lengths[row]
        start, stop = int(offsets.min()), int((offsets + lengths).max())
        # One sample's members stand side by side, so one read fetches them; offsets that are apart are not ours.
        if stop - start > int(lengths.sum()) + _TAR_OVERHEAD * len(self._suffixes):
            raise UserError(f"{shard.where}: {key}: the offsets are not those of one sample; make the shard again")
        try:
            data = _read(self._fs, shard.path, start, stop)
        except OSError as error:
            raise UserError(f"{shard.where}: {error.strerror or error}") from None
        if len(data) != stop - start:
            raise UserError(f"{shard.where}: {key}: truncated; copy or make the shard again")
        members = {
            suffix: data[offset - start : offset - start + length]
            for suffix, offset, length in zip(self._suffixes, offsets.tolist(), lengths.tolist(), strict=True)
        }
        return check_key(decode(members, self.layout, key, shard.where), key, shard.where)

    def _open(self, number: int) -> _Shard:
        name = shard_name(number)
        where = join(self.url, f"{name}.parquet")
        tar = join(self.url, f"{name}.tar")
        rows = min(self._shard_size, self._n - number * self._shard_size)
        try:
            table = _columns(read_bounded(where, MAX_PARQUET_BYTES), self._suffixes, rows, where)
            path = filesystem(tar)[1]
            size = int(self._fs.size(path))
        except FileNotFoundError as error:
            raise UserError(f"{error.filename or tar}: missing; run the same command again to make the shard") from None
        offsets = np.stack([table[f"offset.{suffix}"] for suffix in self._suffixes], axis=1)
        lengths = np.stack([table[f"length.{suffix}"] for suffix in self._suffixes], axis=1)
        limits = [max_bytes(suffix) for suffix in self._suffixes]
        if (lengths < 0).any() or (lengths > limits).any() or (offsets < 0).any() or (offsets > size - lengths).any():
            raise UserError(
                f"{where}: offsets outside {name}.tar ({size} bytes); one of the two is damaged, make it again"
            )
        keys = table["key"]
        if set(table["shard"]) != {f"{name}.tar"} or not all(KEY.match(key) for key in keys):
            raise UserError(f"{where}: the keys or the shard's name are not this shard's; make it again")
        return _Shard(path, tar, keys, offsets, lengths)


def _columns(data: bytes, suffixes: Sequence[str], rows: int, where: str) -> dict[str, Any]:
    """The columns that say where members stand: int64 arrays, and lists of strings, without nulls."""
    import pyarrow
    import pyarrow.parquet

    wanted = {"key": pyarrow.string(), "shard": pyarrow.string()}
    for suffix in suffixes:
        wanted[f"offset.{suffix}"] = wanted[f"length.{suffix}"] = pyarrow.int64()
    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
        found = [(field.name, field.type) for field in file.schema_arrow]
        wrong = [name for name, kind in wanted.items() if [k for n, k in found if n == name] != [kind]]
        if wrong or file.metadata.num_rows != rows:
            raise UserError(
                f"{where}: {file.metadata.num_rows} rows of {rows}, columns missing, doubled or of another type: "
                f"{', '.join(wrong) or 'none'}; make the shard again"
            )
        table = file.read(columns=list(wanted))
        table.validate(full=True)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{where}: damaged parquet ({reason}); make the shard again") from None
    if any(column.null_count for column in table.columns):
        raise UserError(f"{where}: an empty cell; make the shard again")
    return {
        name: table[name].to_pylist() if kind == pyarrow.string() else table[name].to_numpy()
        for name, kind in wanted.items()
    }


def _read(fs: fsspec.AbstractFileSystem, path: str, start: int, stop: int) -> bytes:
    if not isinstance(fs, fsspec.implementations.local.LocalFileSystem):
        return bytes(fs.cat_file(path, start=start, end=stop))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.pread(descriptor, stop - start, start)
    finally:
        os.close(descriptor)
