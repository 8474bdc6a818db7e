"""The caption that each row is trained with: of a table, its own, its labels', or none."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from synthmed.data.assemble import Assembled, Row
from synthmed.data.record import Problem, Record
from synthmed.data.sources.tables import read_csv
from synthmed.errors import UserError
from synthmed.medart.config import Config
from synthmed.medart.training.recipe import Captions
from synthmed.prompts import worded
from synthmed.sample import NO_FINDING


def read_captions(files: Sequence[Path]) -> dict[str, str]:
    """Captions by the image's real path, of tables with ``file_name`` (relative to the table) and ``text``.

    Nothing is opened but the tables.

    Raises:
        UserError: a table is missing, lacks a column, has a row that cannot be read, or two say different things.
    """
    captions: dict[str, str] = {}
    for file in files:
        for row in read_csv(file, ["file_name", "text"]):
            if isinstance(row, Problem):
                raise UserError(f"{row}; mend the row, or write the table again with synthmed caption")
            line, cells = row
            image = os.path.realpath(file.parent / cells["file_name"])
            if captions.setdefault(image, cells["text"]) != cells["text"]:
                raise UserError(f"{file}:{line}: {cells['file_name']} has another caption in caption_files already")
    return captions


def captioned(found: Assembled, mode: Captions, files: Sequence[Path], config: Config) -> None:
    """Put each row's caption into its record's ``text``, in place.

    Raises:
        UserError: as `read_captions`; or a table has no caption for any row.
    """
    known = read_captions(files) if mode == "full" else {}
    met = 0
    for split, rows in found.splits.items():
        told = []
        for row in rows:
            given = _given(row.record, known)
            met += given is not None
            told.append(Row(replace(row.record, text=_caption(row.record, mode, given, config)), row.pipeline))
        found.splits[split] = told
    if known and not met:
        raise UserError(f"caption_files: {len(known)} captions, and none is of an image of the data")


def label_prompt(record: Record, config: Config) -> str:
    """The record's labels in the template's words; "" where nobody labelled it."""
    return worded(config, sorted(set(record.labels) - {NO_FINDING})) if record.labels else ""


def _given(record: Record, known: Mapping[str, str]) -> str | None:
    """By the first image of the record that a table has and that is a file of its own."""
    if not known:
        return None
    for ref in record.images.values():
        if ref.plane is None and ref.channel is None and ref.span is None:
            caption = known.get(os.path.realpath(ref.path))
            if caption is not None:
                return caption
    return None


def _caption(record: Record, mode: Captions, given: str | None, config: Config) -> str:
    if mode == "empty":
        return ""
    if mode == "simple":
        return label_prompt(record, config)
    return given if given is not None else record.text or label_prompt(record, config)
