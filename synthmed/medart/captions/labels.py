"""Where a picture's class comes from: its source, its folder, or a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from synthmed.data.record import Problem
from synthmed.data.sources.paths import split_named
from synthmed.data.sources.tables import read_csv
from synthmed.errors import UserError
from synthmed.medart.captions.pictures import Wanted

Labels = Callable[[Wanted], str]

_PLAIN = frozenset(("images", "image", "imgs"))


def label_reader(spec: str, images: Path) -> Labels:
    """Pictures to labels, "" for none; several have ``|`` between them.

    A source's or a folder's own label that holds ``|`` is a `ValueError` when it is asked for.

    Args:
        spec: "" for what the source says; ``none``; ``folders`` for the name of the folder that the image is in; or
            ``FILE:COLUMN``, a CSV with ``file_name`` relative to it, as ``metadata.csv`` has.
        images: the folder below which folders are classes.

    Raises:
        UserError: none of these, or the table cannot be read; names file and column.
    """
    if spec == "":
        return lambda wanted: "|".join(map(_one, wanted.labels))
    if spec == "none":
        return lambda wanted: ""
    if spec == "folders":
        return lambda wanted: _folder(wanted.ref.path.relative_to(images).parts[:-1])
    file, colon, column = spec.rpartition(":")
    if not colon or not file or not column:
        raise UserError(f"--labels {spec!r}: write folders, none, or FILE:COLUMN, as in labels.csv:diagnosis")
    table = _table(Path(file), column)
    return lambda wanted: table.get(os.path.realpath(wanted.ref.path), "")


def _folder(folders: Sequence[str]) -> str:
    """The innermost name that is no split and not ``images``."""
    classes = (name for name in reversed(folders) if name.lower() not in _PLAIN and not split_named(name))
    return _one(" ".join(next(classes, "").split()))


def _one(label: str) -> str:
    """One label, which the table's readers would take for several if it held what parts them."""
    if "|" in label:
        raise ValueError(f"the label {label!r} holds |, which parts labels")
    return label


def _table(path: Path, column: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for row in read_csv(path, ["file_name", column]):
        if isinstance(row, Problem):
            raise UserError(f"{row}; mend the row")
        labels[os.path.realpath(path.parent / row[1]["file_name"])] = " ".join(row[1][column].split())
    return labels
