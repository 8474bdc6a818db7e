"""The table of captions: Hugging Face's ``metadata.csv``, filled row by row, which a kill leaves whole."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from synthmed.data.pixels import check_file
from synthmed.errors import UserError

MOST_CHARACTERS = 2**14
"""Of a cell; Python's own reader of CSV refuses more than eight times as many."""
_MOST_BYTES = 2**30


@dataclass(frozen=True)
class Row:
    """One caption.

    Attributes:
        file_name: the image, relative to the table's folder, with ``/`` between folders.
        text: the caption; no line breaks.
        label: the class; several with ``|`` between them.
        describer, domain, mode, seed: what the caption is a function of, besides the picture.
    """

    file_name: str
    text: str
    label: str
    describer: str
    domain: str
    mode: str
    seed: int


COLUMNS = tuple(field.name for field in fields(Row))
_HEADER = (",".join(COLUMNS) + "\n").encode()


class CaptionTable:
    """An open table: the rows that are there, and a place to add more.

    A row is written by one call and synchronised to disk, so that a run that is killed loses at most the one that it
    was writing, of which the next run finds a piece and drops it.

    Args:
        path: the CSV file; made with its header where it is not there.

    Raises:
        UserError: the file holds another table (other columns, or a damaged row), or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.exists():
                _drop_piece(path)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_HEADER)
            self.rows = {row.file_name: row for row in _read(path)}
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; name another file with --out") from None

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows; they are on disk when this returns."""
        for row in rows:
            self._file.write(encoded(row))
            self.rows[row.file_name] = row
        os.fsync(self._file.fileno())

    def __enter__(self) -> CaptionTable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def open_table(path: Path, rows: Sequence[Row], replace: bool) -> CaptionTable:
    """The table at ``path``, whose rows were made as ``rows``, without their texts, say.

    Args:
        replace: put an empty one in the place of a table that is not this run's.

    Raises:
        UserError: it is another's, or has rows of another describer, domain, mode, seed or label; names the row.
    """
    if replace and path.exists():
        try:
            return _agreeing(CaptionTable(path), rows)
        except UserError:
            path.unlink()
    return _agreeing(CaptionTable(path), rows)


def _agreeing(table: CaptionTable, rows: Sequence[Row]) -> CaptionTable:
    for row in rows:
        found = table.rows.get(row.file_name)
        if found is None:
            continue
        for name in ("label", "describer", "domain", "mode", "seed"):
            if getattr(found, name) != getattr(row, name):
                table.close()
                raise UserError(
                    f"{table.path}: {row.file_name} has {name} {getattr(found, name)!r}, this run's is "
                    f"{getattr(row, name)!r}; name another file with --out, or replace it with --overwrite"
                )
    return table


def encoded(row: Row) -> bytes:
    """The row as a line of UTF-8 CSV.

    Raises:
        ValueError: it holds a line break, half a surrogate pair, or more than `MOST_CHARACTERS` in a cell.
    """
    if any("\n" in str(cell) or "\r" in str(cell) for cell in astuple(row)):
        raise ValueError("a line break in a cell")
    if any(len(str(cell)) > MOST_CHARACTERS for cell in astuple(row)):
        raise ValueError(f"more than {MOST_CHARACTERS} characters in a cell")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(astuple(row))
    return text.getvalue().encode("utf-8")


def _drop_piece(path: Path) -> None:
    """Cut off what follows the last line break, if the table is of this kind at all."""
    with path.open("r+b") as file:
        head = file.read(len(_HEADER))
        if head != _HEADER:
            if not _HEADER.startswith(head):
                raise _other(path, "its columns are others")
            file.seek(0)
            file.write(_HEADER)
            return
        end = check_file(path, _MOST_BYTES)
        while end > len(_HEADER):
            start = max(len(_HEADER), end - 2**16)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        file.truncate(end)


def _read(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            next(reader, None)
            return [_row(cells) for cells in reader]
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise _other(path, f"a row is damaged ({error})") from None


def _row(cells: Sequence[str]) -> Row:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} values under {len(COLUMNS)} columns")
    file_name, text, label, describer, domain, mode, seed = cells
    return Row(file_name, text, label, describer, domain, mode, int(seed))


def _other(path: Path, why: str) -> UserError:
    return UserError(
        f"{path}: not a table of captions of this command: {why}; name another file with --out, or replace it with "
        "--overwrite"
    )
