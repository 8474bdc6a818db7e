"""A CSV, TSV or JSON-lines table whose columns the user names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from synthmed.data.identity import pseudonym
from synthmed.data.record import MaskRef, Problem, Record
from synthmed.data.sources.cutting import cut, is_volume
from synthmed.data.sources.fields import boxes_from, image_field, labels_from
from synthmed.data.sources.paths import inside, split_named
from synthmed.data.sources.tables import read_csv, read_jsonl, required_file
from synthmed.data.sources.volumes import check_rule
from synthmed.errors import UserError


@dataclass(frozen=True)
class Table:
    """The rows of ``file`` (.csv, .tsv or .jsonl) under the root; paths in it are relative to the root.

    The format is this project's own: there is no document. A column's name is ``""`` where the table has none.

    Attributes:
        file: the table, relative to the root.
        image: the column of the image, or columns by image name (``{"ct": "ct_path", "mri": "mri_path"}``).
        modality: what the images of a single ``image`` column are.
        id: the column of the row's name; the row's line number if ``""``.
        mask: the column of a mask that is aligned with every image of the row.
        mask_names: names by stored value; empty: any value above 0 is ``lesion``.
        text: the column of a report or caption; ``text_kind`` tells which.
        labels: the column of labels, ``separator`` between them (a JSON list needs none).
        negative: the label that stands for no finding.
        split: the column of the split: train, val, validation, test …
        boxes: the column of boxes: a list of objects ``label, x, y, w, h``, in CSV as JSON text.
        slices: the rule by which volumes give slices.

    Raises:
        UserError: no such table, a column that it lacks, or an option that is none.
    """

    summary: ClassVar[str] = "a CSV, TSV or JSON-lines table; options name its columns"

    file: str = "table.csv"
    image: str | Mapping[str, str] = "image"
    modality: str = "xray"
    id: str = ""
    mask: str = ""
    mask_names: Mapping[int, str] | None = None
    text: str = ""
    text_kind: Literal["report", "caption", "template"] = "report"
    labels: str = ""
    separator: str = "|"
    negative: str = ""
    patient: str = ""
    split: str = ""
    boxes: str = ""
    slices: str = "central"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """A record a row, or a slice of a row's volumes, in the table's order."""
        columns = {self.modality: self.image} if isinstance(self.image, str) else self.image
        images = {image_field(name): column for name, column in columns.items()}
        check_rule(self.slices)
        path = required_file(root, self.file)
        optional = (self.id, self.mask, self.text, self.labels, self.patient, self.split, self.boxes)
        wanted = [column for column in (*images.values(), *optional) if column]
        seen: set[str] = set()
        for row in _rows(path, wanted):
            if isinstance(row, Problem):
                yield row
                continue
            line, cells = row
            where = f"{path}:{line}"
            absent = [column for column in wanted if column not in cells]
            if absent:
                yield Problem(where, f"no {', '.join(absent)}")
                continue
            name = _text(cells[self.id]) if self.id else str(line)
            if not name or name in seen:
                yield Problem(where, f"id {name[:200]!r} is {'there already' if name else 'empty'}")
                continue
            seen.add(name)
            yield from self._row(root, images, cells, name, where)

    def _row(
        self, root: Path, images: Mapping[str, str], cells: Mapping[str, Any], name: str, where: str
    ) -> Iterator[Record | Problem]:
        files: dict[str, Path] = {}
        for field, column in images.items():
            found = inside(root, _text(cells[column]), where)
            if isinstance(found, Problem):
                yield found
                return
            files[field] = found
        masks: list[Path] = []
        if self.mask and _text(cells[self.mask]):
            found = inside(root, _text(cells[self.mask]), where)
            if isinstance(found, Problem):
                yield found
                return
            masks.append(found)
        boxes = boxes_from(cells[self.boxes], next(iter(files))) if self.boxes else ()
        word = _text(cells[self.split]) if self.split else ""
        planes = cut(files, masks, self.slices, where)
        if isinstance(planes, Problem):
            yield planes
        elif isinstance(boxes, str):
            yield Problem(where, boxes)
        elif word and not split_named(word):
            yield Problem(where, f"split {word[:200]!r} is none of train, val, test")
        else:
            patient = _text(cells[self.patient]) if self.patient else ""
            if not patient and any(map(is_volume, files.values())):
                patient = f"row {name}"  # its slices must stay together
            for plane in planes:
                mask = MaskRef(plane.masks, self.mask_names or {1: "lesion"})
                yield Record(
                    name + plane.suffix,
                    plane.images,
                    patient=pseudonym("table", patient),
                    split=split_named(word),
                    masks=dict.fromkeys(files, mask) if masks else {},
                    boxes=boxes,
                    labels=self._labels(cells),
                    text=(_text(cells[self.text]) or None) if self.text else None,
                    text_kind=self.text_kind if self.text and _text(cells[self.text]) else "",
                )

    def _labels(self, cells: Mapping[str, Any]) -> tuple[str, ...]:
        if not self.labels:
            return ()
        value = cells[self.labels]
        names = [_text(name) for name in value] if isinstance(value, list) else _text(value).split(self.separator)
        return labels_from(names, self.negative)


def _rows(path: Path, wanted: list[str]) -> Iterator[tuple[int, Mapping[str, Any]] | Problem]:
    name = path.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        return read_jsonl(path)
    if not name.endswith((".csv", ".tsv")):
        raise UserError(f"{path}: a table is a .csv, .tsv or .jsonl file")
    return read_csv(path, wanted, delimiter="\t" if name.endswith(".tsv") else ",")


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
