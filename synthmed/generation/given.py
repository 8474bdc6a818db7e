"""What samples are conditioned on: rows in memory, or of a CSV or JSONL file, whose images are read when needed."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from synthmed.errors import UserError
from synthmed.generation.given_image import read_bytes, read_given
from synthmed.modality import canonical

Rows: TypeAlias = Sequence[Mapping[str, Any]]


@runtime_checkable
class LazyRows(Protocol):
    """Rows whose images are read when a row is asked for; all rows have the same names."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any) -> Any: ...

    def texts(self) -> list[dict[str, Any]]:
        """The rows' reports and labels; no image is opened."""
        ...

    def content_hash(self) -> str:
        """The same for the same conditions, wherever they lie."""
        ...


class GivenFile(Sequence[Mapping[str, Any]]):
    """Rows of a ``.csv`` (with a header) or ``.jsonl`` file, or such rows themselves.

    Columns are field names: ``report`` (text), ``labels`` (a list; in CSV joined by ``;``), images and masks (a path
    relative to the file; see `synthmed.generation.given_image.read_given` for formats and units). Images are opened
    only when a row is asked for.

    Args:
        path: the file; of rows that are given, what they are relative to and called by in messages.
        rows: names to values, as a file has them.

    Raises:
        UserError: the file cannot be read, a row differs in its names from the first, or a value is of the wrong type.
    """

    def __init__(self, path: str | Path, rows: Sequence[Mapping[str, Any]] | None = None) -> None:
        self.path = Path(path)
        found = _read(self.path) if rows is None else rows
        self._rows = [self._names(number, row) for number, row in enumerate(found, start=1)]
        if not self._rows:
            raise UserError(f"{self.path}: no row")
        for number, row in enumerate(self._rows, start=1):
            if row.keys() != self._rows[0].keys():
                raise UserError(f"{self.path}: row {number} has {sorted(row)}, row 1 {sorted(self._rows[0])}")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return {name: self._value(index, name, value) for name, value in self._rows[index].items()}

    def content_hash(self) -> str:
        """sha256 over every row, with each image's file bytes in the place of its path."""
        digest = hashlib.sha256()
        for index, row in enumerate(self._rows):
            for name, value in sorted(row.items()):
                where = f"{self.path}: row {index + 1}: {name}: {value}"
                data = read_bytes(self.path.parent / value, where) if _is_image(name) else json.dumps(value).encode()
                digest.update(f"{name}:{len(data)}:".encode() + data)
        return digest.hexdigest()

    def texts(self) -> list[dict[str, Any]]:
        """The rows' reports and labels; no image is opened."""
        return [{name: value for name, value in row.items() if not _is_image(name)} for row in self._rows]

    def _names(self, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
        try:
            named = {canonical(str(name)): value for name, value in row.items()}
        except UserError as error:
            raise UserError(f"{self.path}: row {number}: {error}") from None
        if isinstance(named.get("labels"), str):
            named["labels"] = [label.strip() for label in named["labels"].split(";") if label.strip()]
        for name, value in named.items():
            listed = name == "labels" and isinstance(value, list) and all(isinstance(label, str) for label in value)
            if not (listed or (name != "labels" and isinstance(value, str))):
                wanted = "a list of strings" if name == "labels" else "a string"
                raise UserError(f"{self.path}: row {number}: {name} is not {wanted}")
        return named

    def _value(self, index: int, name: str, value: Any) -> Any:
        if name == "labels":
            return tuple(value)
        if not _is_image(name):
            return value
        return read_given(self.path.parent / value, name, f"{self.path}: row {index + 1}: {name}: {value}")


def _is_image(name: str) -> bool:
    return name not in ("report", "labels")


def _read(path: Path) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix == ".csv":
                for row in csv.DictReader(file, strict=True):
                    if None in row or None in row.values():
                        raise UserError(f"{path}: row {len(rows) + 1} has more or fewer cells than the header")
                    rows.append(row)
            elif path.suffix == ".jsonl":
                for line in file:
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise UserError(f"{path}: row {len(rows) + 1} is not a JSON object")
                    rows.append(row)
            else:
                raise UserError(f"{path}: given rows are read from a .csv or .jsonl file")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path}: row {len(rows) + 1}: {error}") from None
    return rows


def texts_of(rows: Rows) -> list[dict[str, Any]]:
    """The rows' reports and labels; no image is opened."""
    if isinstance(rows, LazyRows):
        return rows.texts()
    return [{name: value for name, value in row.items() if not _is_image(name)} for row in rows]


def content_hash_of_rows(rows: Rows) -> str:
    """sha256 over what the rows hold, so that the same conditions in another file are the same plan."""
    return rows.content_hash() if isinstance(rows, LazyRows) else content_hash_of_values(rows)


def content_hash_of_values(rows: Iterable[Mapping[str, Any]]) -> str:
    """sha256 over the rows' values, arrays by their type, shape and bytes."""
    digest = hashlib.sha256()
    for row in rows:
        for name, value in sorted(row.items()):
            if isinstance(value, np.ndarray):
                data = f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
            else:
                data = json.dumps(list(value) if isinstance(value, tuple) else value).encode()
            digest.update(f"{name}:{len(data)}:".encode() + data)
    return digest.hexdigest()
