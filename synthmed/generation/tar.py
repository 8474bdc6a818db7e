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


def _template() -> tarfile.TarInfo:
    header = tarfile.TarInfo()
    header.mode = 0o444
    header.uname = header.gname = "synthmed"
    return header


_BLANK = bytearray(_template().tobuf(tarfile.USTAR_FORMAT))
_BLANK[148:156] = b" " * 8  # the checksum counts its own field as blanks
_BLANK_SUM = sum(_BLANK) - sum(_BLANK[124:136])


def _header(name: str, size: int) -> bytes:
    """The member's header: the standard library's for an empty one, with name (0:100), size (124:136) and checksum.

    Its ``tobuf`` takes as long for eleven members as hashing them.

    Raises:
        ValueError: the name has over 99 bytes or the size over 11 octal digits.
    """
    encoded, octal = name.encode("ascii"), b"%011o\0" % size
    if len(encoded) > 99 or len(octal) > 12:
        raise ValueError(f"{name}: {size} bytes: too long for a USTAR header")
    block = bytearray(_BLANK)
    block[: len(encoded)] = encoded
    block[124:136] = octal
    block[148:156] = b"%06o\0 " % (_BLANK_SUM + sum(encoded) + sum(octal))
    return bytes(block)


class ShardTar:
    """A USTAR file of webdataset samples.

    Written here, since this gives each member's offset and a worker need not import torch for it. The bytes are those
    of ``webdataset.TarWriter(encoder=False, mtime=0)`` (tested).
    """

    def __init__(self, file: HashingFile) -> None:
        self._file = file

    def add(self, key: str, members: Mapping[str, bytes]) -> dict[str, tuple[int, int]]:
        """Append one sample; gives (offset, length) of each member's bytes in the file."""
        places = {}
        parts: list[bytes] = []
        position = self._file.bytes
        for suffix, data in sorted(members.items()):
            padding = -len(data) % tarfile.BLOCKSIZE
            parts += (_header(f"{key}.{suffix}", len(data)), data, bytes(padding))
            places[suffix] = (position + tarfile.BLOCKSIZE, len(data))
            position += tarfile.BLOCKSIZE + len(data) + padding
        self._file.write(b"".join(parts))
        return places

    def close(self) -> None:
        """Two empty blocks end a tar, which is padded to a whole record."""
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._file.write(bytes(-self._file.bytes % tarfile.RECORDSIZE))
