"""Hugging Face's imagefolder with its metadata files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.sources.fields import box_from, image_field, labels_from
from synthmed.data.sources.paths import PIXELS, files_below, inside, require_folder, split_named
from synthmed.data.sources.tables import read_csv, read_jsonl
from synthmed.errors import UserError
from synthmed.sample import Box

METADATA = ("metadata.csv", "metadata.jsonl")


@dataclass(frozen=True)
class ImageFolder:
    """Images beside a ``metadata.csv`` or ``metadata.jsonl`` whose ``file_name`` is relative to it.

    Layout: huggingface/datasets:docs/source/image_dataset.mdx: metadata in the root or below ``train``, ``validation``
    and ``test``; ``text`` is a caption; ``objects`` has ``bbox`` (x, y, width, height) and ``categories``, which are
    names, or numbers that ``categories`` here explains. Folders without metadata are `ClassFolders`.

    Attributes:
        modality: what the images are.
        text: the column of the caption, read where it is there.
        labels: the column of a label, a list, or labels with ``separator`` between them, read where it is there.
        negative: the label that stands for no finding.
        categories: names of numbered box categories, from 0.

    Raises:
        UserError: no such folder, no metadata file in it, or one without ``file_name``.
    """

    summary: ClassVar[str] = "Hugging Face imagefolder with metadata.csv or metadata.jsonl"

    modality: str = "photo"
    text: str = "text"
    labels: str = "label"
    separator: str = "|"
    negative: str = ""
    categories: tuple[str, ...] = ()

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The metadata files' rows, by file and line; an id is the image's path. Images without a row are problems."""
        field = image_field(self.modality)
        require_folder(root)
        images: list[Path] = []
        metadata: list[Path] = []
        for path in files_below(root):
            if isinstance(path, Problem):
                yield path
            elif path.name in METADATA:
                metadata.append(path)
            elif path.name.lower().endswith(PIXELS):
                images.append(path)
        if not metadata:
            raise UserError(f"{root}: no metadata.csv or metadata.jsonl in it or below it; class_folders reads others")
        seen: set[str] = set()
        for path in metadata:
            rows: Iterator[Any] = read_csv(path, ["file_name"]) if path.suffix == ".csv" else read_jsonl(path)
            for row in rows:
                if isinstance(row, Problem):
                    yield row
                    continue
                record = self._record(root, path, row[1], field, f"{path}:{row[0]}")
                if isinstance(record, Record) and record.id in seen:
                    yield Problem(f"{path}:{row[0]}", f"file_name {record.id[:200]!r} is there already")
                    continue
                if isinstance(record, Record):
                    seen.add(record.id)
                yield record
        for image in images:
            if image.relative_to(root).as_posix() not in seen:
                yield Problem(str(image), "an image without a usable row in the metadata")

    def _record(self, root: Path, table: Path, row: Mapping[str, Any], field: str, where: str) -> Record | Problem:
        found = inside(table.parent, str(row.get("file_name") or ""), where, root)
        if isinstance(found, Problem):
            return found
        boxes = self._boxes(row.get("objects"), field)
        if isinstance(boxes, str):
            return Problem(where, boxes)
        name = found.relative_to(root).as_posix()
        text = row.get(self.text)
        value = row.get(self.labels)
        cells = value if isinstance(value, list) else [] if value is None else str(value).split(self.separator)
        return Record(
            name,
            {field: FileRef(found)},
            split=split_named(name.partition("/")[0]),
            boxes=boxes,
            labels=labels_from(map(str, cells), self.negative),
            text=text if isinstance(text, str) and text.strip() else None,
            text_kind="caption" if isinstance(text, str) and text.strip() else "",
        )

    def _boxes(self, objects: Any, field: str) -> tuple[Box, ...] | str:
        if not objects:
            return ()
        sides = objects.get("bbox") if isinstance(objects, dict) else None
        kinds = (objects.get("categories") or objects.get("category")) if isinstance(objects, dict) else None
        if not isinstance(sides, list) or not isinstance(kinds, list) or len(sides) != len(kinds):
            return "objects are not as many bbox as categories"
        boxes = []
        for kind, four in zip(kinds, sides, strict=True):
            known = isinstance(kind, int) and 0 <= kind < len(self.categories)
            box = box_from(self.categories[kind] if known else str(kind), four, field)
            if isinstance(box, str):
                return box
            boxes.append(box)
        return tuple(boxes)
