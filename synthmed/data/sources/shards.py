"""synthmed's own shards: a synthetic set as one more source."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from synthmed.codec import MAX_TEXT_BYTES, decode_record
from synthmed.data.pixels import check_file
from synthmed.data.record import FileRef, MaskRef, Problem, Record
from synthmed.errors import UserError
from synthmed.fields import ImageField, Layout
from synthmed.sample import NOT_STATED

TABLES = "synthmed-*.parquet"
"""The shards' tables in a folder, one beside each tar."""
MAX_JSON_BYTES = 2**24
MAX_TABLE_BYTES = 2**28

Span = tuple[int, int]


@dataclass(frozen=True)
class Shards:
    """A finished folder of ``synthmed generate``: samples in the order of the set, their PNGs read in place.

    Layout: the card that `synthmed.generation.dataset_files` writes beside the shards.

    Attributes:
        accepted: leave out the samples that failed their quality checks.

    Raises:
        UserError: no finished set, or one that stores its images on a scale of its own.
    """

    summary: ClassVar[str] = "synthmed's own shards, as `synthmed generate` writes them"

    accepted: bool = True

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record a sample. The text members are read, no image; a damaged shard or sample is a problem."""
        layout = _layout(root)
        for table in sorted(root.glob(TABLES)):
            tar = table.with_suffix(".tar")
            try:
                rows = _rows(table, layout)
                check_file(tar, 2**40)
            except UserError as error:
                yield Problem(str(table), str(error))
                continue
            with tar.open("rb") as file:
                for row in rows:
                    if row["accepted"] or not self.accepted:
                        try:
                            yield _record(row, tar, file, layout)
                        except UserError as error:
                            yield Problem(str(tar), str(error))


def read_layout(path: Path) -> Layout:
    """What a ``dataset.json`` says of the members of its samples.

    Raises:
        UserError: it is missing, or not what `synthmed generate` writes.
    """
    check_file(path, MAX_JSON_BYTES)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))["fields"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: not a dataset.json ({error!r}); make the dataset again") from None
    return Layout.from_json(fields, str(path))


def _layout(root: Path) -> Layout:
    path = root / "dataset.json"
    if not path.is_file():
        raise UserError(f"{path}: missing; this is not a folder that `synthmed generate` has finished")
    layout = read_layout(path)
    for name, field in layout.images.items():
        own = ImageField.of(name, mask=field.mask, window=field.window)
        if (field.bits, field.slope, field.intercept) != (own.bits, own.slope, own.intercept):
            raise UserError(f"{path}: {name} is stored on a scale of its own; read it by SyntheticDataset.from_shards")
    return layout


def _rows(table: Path, layout: Layout) -> list[Mapping[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    check_file(table, MAX_TABLE_BYTES)
    wanted = ["key", "accepted"]
    wanted += [f"{what}.{suffix}" for suffix in layout.members() for what in ("offset", "length")]
    try:
        read = pyarrow.parquet.read_table(io.BytesIO(table.read_bytes()), columns=wanted)
        rows: list[Mapping[str, Any]] = read.to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"damaged, or of another set ({str(error).splitlines()[0]}); make the shard again") from None
    if read.column_names != wanted or any(column.null_count for column in read.columns):
        raise UserError("columns or cells are missing; make the shard again")
    return rows


def _record(row: Mapping[str, Any], tar: Path, file: io.BufferedReader, layout: Layout) -> Record:
    key = str(row["key"])

    def span(suffix: str) -> Span:
        return row[f"offset.{suffix}"], row[f"length.{suffix}"]

    texts = {suffix: _text(file, *span(suffix)) for suffix in layout.members() if not suffix.endswith(".png")}
    sample = decode_record(texts, layout, key, str(tar))
    if sample.key != key:
        raise UserError(f"{key}: its record is {sample.key}'s; make the shard again")
    stored = {name: field for name, field in layout.images.items() if name not in layout.mask_only}
    return Record(
        key,
        {name: FileRef(tar, span=span(f"{name}.png")) for name in stored},
        masks={
            name: MaskRef((FileRef(tar, span=span(f"{name}.mask.png")),), dict(list(enumerate(field.mask))[1:]))
            for name, field in layout.images.items()
            if field.mask
        },
        boxes=tuple(sample.boxes),
        labels=() if sample.labels == [NOT_STATED] else tuple(sample.labels),
        labels_by_image={name: tuple(seen) for name, seen in sample.labels_by_image.items() if seen != [NOT_STATED]},
        text=sample.report,
        text_kind="report" if sample.report is not None else "",
        spacing=sample.spacing,
        window={name: field.window for name, field in stored.items() if field.window is not None},
        licence="synthetic",
        attributes=sample.attributes,
    )


def _text(file: io.BufferedReader, offset: int, length: int) -> bytes:
    if offset < 0 or not 0 <= length <= MAX_TEXT_BYTES:
        raise UserError(f"a text of {length} bytes at {offset}; make the shard again")
    file.seek(offset)
    return file.read(length)
