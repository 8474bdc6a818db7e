"""Tables of a release (CSV, JSON lines, plain lines), read a row at a time; each bad row is a `Problem`."""

from __future__ import annotations

import csv
import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from synthmed.data.record import Problem
from synthmed.errors import UserError
from synthmed.sample import Scalar

# A line of more characters is read in pieces, each of which is a bad row, and so is a row of more characters that a
# quote spreads over lines: no file can fill the memory.
LONGEST_LINE = 1 << 23


def required_file(root: Path, *names: str) -> Path:
    """The first of ``names`` that is a file under ``root``.

    Raises:
        UserError: none of them is there.
    """
    for name in names:
        if os.path.isfile(root / name):
            return root / name
    raise UserError(f"{root}: there is no {' or '.join(names)}; give the folder that holds it")


def listed_file(folder: Path, name: str, where: str) -> Path | Problem:
    """The file within ``folder`` that a table names; a `Problem` at ``where`` if it is missing or lies outside."""
    parts = PurePosixPath(name)
    if not name or parts.is_absolute() or ".." in parts.parts:
        return Problem(where, f"{name[:200]!r} is not the name of a file within {folder}")
    path = folder / name
    return path if os.path.isfile(path) else Problem(where, f"missing file {str(path)[:400]}")


def image_files(folder: Path, *suffixes: str) -> Iterator[Path | Problem]:
    """The files of a folder whose lower-case names end so, by name; hidden ones are passed over.

    One that is no file (a folder, a link that leads nowhere) or whose name is not UTF-8 is a `Problem`, and so is a
    folder that cannot be listed.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        yield Problem(str(folder), error.strerror or "cannot be listed")
        return
    for name in names:
        if name.startswith(".") or not name.lower().endswith(suffixes):
            continue
        if _undecoded(name):
            yield Problem(str(folder), f"the file name {name!r} is not UTF-8")
        elif not os.path.isfile(folder / name):
            yield Problem(str(folder / name), "not a file")
        else:
            yield folder / name


def read_csv(
    path: Path, required: Sequence[str], *, key: str = "", delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str]] | Problem]:
    """The rows of a CSV file with a header (``.gz`` too), each with the number of its (last) line.

    Blanks around column names and before values are dropped, as are trailing columns without a name (ChestX-ray14 has
    both). A row that is not UTF-8, has too few or too many values, or repeats a ``key``, is a `Problem`.

    Args:
        required: columns that must be there.
        key: the column whose values must differ, if any.

    Raises:
        UserError: the file cannot be opened, or lacks a column; names file and column.
    """
    with _opened(path, newline="") as stream:
        lines = _Lines(stream)
        rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        try:
            header = [name.strip() for name in next(rows, [])]
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            raise UserError(f"{path}: cannot read the header: {error}") from None
        while header and not header[-1]:
            header.pop()
        for column in required:
            if column not in header:
                raise UserError(
                    f"{path}: there is no column {column!r}; there are: {', '.join(header)[:400] or 'none'}"
                )
        seen: set[str] = set()
        while True:
            lines.used = 0
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield Problem(f"{path}:{rows.line_num}", str(error))
                continue
            except (OSError, EOFError, zlib.error) as error:
                yield Problem(f"{path}:{rows.line_num}", f"cannot be read any further: {error}")
                return
            if row is None:
                return
            if not row:
                continue
            where = f"{path}:{rows.line_num}"
            values = dict(zip(header, row, strict=False))
            if any(_undecoded(value) for value in row):
                yield Problem(where, "not UTF-8")
            elif len(row) < len(header) or any(row[len(header) :]):
                yield Problem(where, f"{len(row)} values under {len(header)} columns")
            elif key and values[key] in seen:
                yield Problem(where, f"{key} {values[key][:200]!r} is there already")
            else:
                if key:
                    seen.add(values[key])
                yield rows.line_num, values


def read_lines(path: Path) -> Iterator[tuple[int, str] | Problem]:
    """The lines of a text file that are not blank, without their ends, numbered from 1.

    Raises:
        UserError: the file cannot be opened.
    """
    with _opened(path) as stream:
        lines = _Lines(stream)
        number = 0
        while True:
            number += 1
            lines.used = 0
            try:
                line = next(lines, None)
            except (OSError, EOFError, zlib.error) as error:
                yield Problem(f"{path}:{number}", f"cannot be read any further: {error}")
                return
            if line is None:
                return
            if _undecoded(line):
                yield Problem(f"{path}:{number}", "not UTF-8")
            elif line.strip():
                yield number, line.rstrip("\r\n")


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    """The objects of a JSON-lines file (``.gz`` too), with their line numbers; a line that is none is a `Problem`.

    Raises:
        UserError: the file cannot be opened.
    """
    for line in read_lines(path):
        if isinstance(line, Problem):
            yield line
            continue
        number, text = line
        try:
            value = parse_json(text)
        except ValueError as error:
            yield Problem(f"{path}:{number}", f"not JSON: {error}")
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            yield Problem(f"{path}:{number}", "not a JSON object")


def parse_json(text: str) -> Any:
    """The value of a JSON text; half a surrogate pair, which no file can take, or too deep a nest is a `ValueError`."""
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def facts(row: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, Scalar]:
    """The attributes that a row states, by their names here: ``age`` in years (``058Y`` too), ``sex`` in full, text."""
    values: dict[str, Scalar] = {}
    for name, column in columns.items():
        value = row.get(column, "").strip()
        if name == "age":
            value = value.removesuffix("Y").removesuffix(".0")
            if value.isdecimal():
                values[name] = int(value[:9])
        elif value:
            values[name] = {"f": "female", "m": "male"}.get(value.lower(), value.lower()) if name == "sex" else value
    return values


def read_text(path: Path, limit: int = 1 << 20) -> str | Problem:
    """A whole UTF-8 file of at most ``limit`` bytes; a `Problem` where it is missing, larger or not UTF-8."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            return Problem(str(path), f"more than {limit} bytes")
        return data.decode("utf-8-sig")
    except OSError as error:
        return Problem(str(path), error.strerror or "cannot be read")
    except UnicodeDecodeError:
        return Problem(str(path), "not UTF-8")


def _opened(path: Path, newline: str | None = None) -> IO[str]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        # Bytes that are no UTF-8 come through as lone surrogates, so that only their own row is lost.
        stream: IO[str] = opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=newline)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    return stream


class _Lines:
    """The lines of a stream; an error once those of one row, counted in ``used``, are too long together."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.used = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.used += len(line)
        if self.used > LONGEST_LINE:
            raise csv.Error(f"a row of more than {LONGEST_LINE} characters")
        return line


def _undecoded(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text) if not text.isascii() else False
