"""Records in a temporary file instead of memory: a row held costs eight bytes, and a byte an image name."""

from __future__ import annotations

import json
import os
import tempfile
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthmed.data.record import FileRef, MaskRef, Record
from synthmed.sample import Box


class Spool:
    """Records appended one after the other, and read back by place. The file has no name and goes with the process."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # kept open: it is the store
        self._ends = array("q", [0])
        self._having: dict[str, bytearray] = {}

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, record: Record) -> None:
        """Keep all of a record but its licence and its text's kind."""
        place = len(self)
        line = json.dumps(_packed(record), separators=(",", ":")).encode()
        self._file.write(line)
        self._ends.append(self._ends[-1] + len(line))
        for name in [*record.images, *(f"{name}.mask" for name in record.masks)]:
            flags = self._having.setdefault(name, bytearray())
            flags.extend(bytes(place - len(flags)) + b"\1")

    def read(self, place: int) -> Record:
        """The record at that place, from 0."""
        if not 0 <= place < len(self):
            raise IndexError(f"row {place} of {len(self)}")
        self._file.flush()
        start, end = self._ends[place], self._ends[place + 1]
        return _unpacked(json.loads(os.pread(self._file.fileno(), end - start, start)))

    def having(self, name: str) -> npt.NDArray[np.int64]:
        """Places of the records with that image, or with ``<image>.mask``."""
        return np.flatnonzero(np.frombuffer(bytes(self._having.get(name, b"")), np.uint8))

    def names(self) -> list[str]:
        """Every image and mask that a record has."""
        return list(self._having)


def _packed(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "patient": record.patient,
        "split": record.split,
        "images": {name: _ref(ref) for name, ref in record.images.items()},
        "masks": {
            name: [[_ref(ref) for ref in mask.files], list(mask.names.items()), list(mask.rle)]
            for name, mask in record.masks.items()
        },
        "boxes": [[b.image, b.category, b.x, b.y, b.width, b.height] for b in record.boxes],
        "labels": record.labels,
        "text": record.text,
        "spacing": dict(record.spacing),
        "window": dict(record.window),
        "attributes": dict(record.attributes),
    }


def _unpacked(row: dict[str, Any]) -> Record:
    return Record(
        row["id"],
        {name: FileRef(*_file(ref)) for name, ref in row["images"].items()},
        patient=row["patient"],
        split=row["split"],
        masks={
            name: MaskRef(tuple(FileRef(*_file(ref)) for ref in files), dict(names), tuple(rle))
            for name, (files, names, rle) in row["masks"].items()
        },
        boxes=tuple(Box(*box) for box in row["boxes"]),
        labels=tuple(row["labels"]),
        text=row["text"],
        spacing={name: (value[0], value[1]) for name, value in row["spacing"].items()},
        window={name: (value[0], value[1]) for name, value in row["window"].items()},
        attributes=row["attributes"],
    )


def _ref(ref: FileRef) -> list[Any]:
    return [str(ref.path), ref.plane, ref.channel, ref.span]


def _file(ref: list[Any]) -> tuple[Path, tuple[int, int] | None, int | None, tuple[int, int] | None]:
    path, plane, channel, span = ref
    return Path(path), tuple(plane) if plane else None, channel, tuple(span) if span else None
