"""Write a shard's tar: members in order, every header field constant, so that equal samples make equal bytes."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from typing import BinaryIO


class HashingFile:
    """A binary file that hashes and counts what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        """Write, hash and count."""
        self._digest.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    @property
    def sha256(self) -> str:
        """Of everything written so far."""
        return self._digest.hexdigest()


class ShardTar:
    """A USTAR file of webdataset samples.

    Headers are the standard library's; the loop around them is ours, since it gives each member's offset and a worker
    need not import torch for it. The bytes are those of ``webdataset.TarWriter(encoder=False, mtime=0)`` (tested).
    """

    def __init__(self, file: HashingFile) -> None:
        self._file = file

    def add(self, key: str, members: Mapping[str, bytes]) -> dict[str, tuple[int, int]]:
        """Append one sample; gives (offset, length) of each member's bytes in the file."""
        places = {}
        for suffix, data in sorted(members.items()):
            header = tarfile.TarInfo(f"{key}.{suffix}")
            header.size = len(data)
            header.mode = 0o444
            header.uname = header.gname = "synthmed"
            self._file.write(header.tobuf(tarfile.USTAR_FORMAT))
            places[suffix] = (self._file.bytes, len(data))
            self._file.write(data)
            self._file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
        return places

    def close(self) -> None:
        """Two empty blocks end a tar, which is padded to a whole record."""
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._file.write(bytes(-self._file.bytes % tarfile.RECORDSIZE))
