"""A shard's tar as a stream of samples, whoever wrote it. Nothing is extracted, and no member's name is trusted."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from synthmed.codec import MAX_TEXT_BYTES, decode
from synthmed.errors import UserError
from synthmed.fields import Layout
from synthmed.generation.urls import filesystem
from synthmed.sample import Sample

MAX_MEMBER_BYTES = 2**28
KEY = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
_BLOCK = tarfile.BLOCKSIZE
_ZEROS = bytes(_BLOCK)


def iterate_tar(
    source: str | Path | BinaryIO, layout: Layout, *, where: str = "", count: int | None = None
) -> Iterator[Sample]:
    """The samples of one shard, in its order.

    Args:
        source: a URL, a local path, or an open binary file; it is read once, front to back.
        where: the shard's name for messages; the URL if empty.
        count: how many samples there must be; any number if None.

    Raises:
        UserError: the tar is truncated or damaged, or a member is not one of ``layout.members()``, stands twice, is
            missing, is not a plain file, or does not hold what the layout says. Names the file and the member.
    """
    if not isinstance(source, str | Path):
        yield from _samples(source, layout, where or str(getattr(source, "name", "shard")), count)
        return
    fs, path = filesystem(source)
    try:
        with fs.open(path, "rb") as stream:
            yield from _samples(stream, layout, where or str(source), count)
    except OSError as error:
        raise UserError(f"{source}: {error.strerror or error}") from None


def max_bytes(suffix: str) -> int:
    """The largest member of this suffix that is read."""
    return MAX_MEMBER_BYTES if suffix.endswith(".png") else MAX_TEXT_BYTES


def check_key(sample: Sample, key: str, where: str) -> Sample:
    """Refuse a sample whose JSON says that it is another one."""
    if sample.key != key:
        raise UserError(f"{where}: {key}.json: the key in it is {sample.key!r}; the shard is damaged, make it again")
    return sample


def _samples(stream: BinaryIO, layout: Layout, where: str, count: int | None) -> Iterator[Sample]:
    suffixes = layout.members()
    keys: set[str] = set()
    key, members = "", dict[str, bytes]()
    for name, size in _headers(stream, where):
        this, _, suffix = name.partition(".")
        if not KEY.match(this) or suffix not in suffixes:
            raise UserError(
                f"{where}: member {name!r} is not <key>.<field> with a field of dataset.json ({', '.join(suffixes)}); "
                "this is not a shard of that dataset"
            )
        if size > max_bytes(suffix):
            raise UserError(f"{where}: {name}: {size} bytes; at most {max_bytes(suffix)} are read")
        if this != key:
            if key:
                yield _sample(members, layout, key, where)
            key, members = this, {}
        if suffix in members or (not members and key in keys):
            raise UserError(f"{where}: member {name} stands twice; the shard is damaged, make it again")
        keys.add(key)
        members[suffix] = _content(stream, size, name, where)
    if key:
        yield _sample(members, layout, key, where)
    if count is not None and len(keys) != count:
        raise UserError(f"{where}: {len(keys)} samples; dataset.json says {count}; the shard is damaged, make it again")


def _sample(members: dict[str, bytes], layout: Layout, key: str, where: str) -> Sample:
    return check_key(decode(members, layout, key, where), key, where)


def _headers(stream: BinaryIO, where: str) -> Iterator[tuple[str, int]]:
    """Name and size of each member; whoever iterates reads the content in between.

    `tarfile.open` takes a damaged header, or the file's end, for the end of the archive, and so loses samples silently.
    Hence the blocks are walked here, and only each header is the standard library's to parse.
    """
    while (block := stream.read(_BLOCK)) != _ZEROS:
        if len(block) < _BLOCK:
            raise UserError(f"{where}: truncated: it ends without a tar's end mark; copy or make it again")
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise UserError(f"{where}: damaged tar header ({error}); copy or make it again") from None
        if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise UserError(
                f"{where}: member {header.name!r} is not a plain file (tar type {header.type!r}); "
                "synthmed writes no links, devices, folders or extended headers"
            )
        if header.size < 0:
            raise UserError(f"{where}: member {header.name!r}: damaged tar header (size {header.size})")
        yield header.name, header.size
    while block := stream.read(_BLOCK):
        if block.strip(b"\0"):
            raise UserError(f"{where}: bytes after the tar's end mark; copy or make it again")


def _content(stream: BinaryIO, size: int, name: str, where: str) -> bytes:
    padded = -(-size // _BLOCK) * _BLOCK
    data = stream.read(padded)
    if len(data) < padded:
        raise UserError(f"{where}: {name}: truncated: {len(data)} of {padded} bytes; copy or make it again")
    return data[:size]
