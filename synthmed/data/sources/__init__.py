"""Data sources: readers of a release's on-disk layout, one file each, open to third parties."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from synthmed.data.record import Problem, Record
from synthmed.registry import Registry


@runtime_checkable
class Source(Protocol):
    """A data set's reader: a frozen dataclass whose fields are its options.

    Attributes:
        summary: one line for ``synthmed ls sources``; ends in "(layout from memory)" where no document was read.
    """

    summary: str

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The rows under ``root``, the folder as it was downloaded and unpacked, in a fixed order.

        A row or file that cannot be used is a `Problem`, and the next one follows; only metadata are read, no pixels.

        Raises:
            UserError: ``root`` does not hold this data set at all; names the file that is missed.
        """
        ...


SOURCES: Registry[type[Source]] = Registry("sources")
