"""The parts of shared/data, by its README."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from synthmed.data.identity import pseudonym
from synthmed.data.record import MaskRef, Problem, Record, Split
from synthmed.data.sources import shared_row
from synthmed.data.sources.fields import boxes_from
from synthmed.data.sources.paths import inside, require_folder
from synthmed.data.sources.shared_files import masks_of, planes_of
from synthmed.data.sources.tables import read_jsonl
from synthmed.data.sources.volumes import check_rule
from synthmed.errors import UserError

_SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class SharedData:
    """One part of shared/data: ``<part>/{train,val,test}.jsonl`` and the files that their rows name.

    Layout and licences: shared/data/README.md, version 1. Patients have one name in all parts, since
    ``xray_pneumonia_large`` holds ``xray_pneumonia``'s train patients. The channels of ``mri_lgg`` are ``mri`` (T1),
    ``mri.flair`` and ``mri.t1c``, without those that ``missing_channels`` names. PET, T1 difference maps and
    ``ct_lungtumour_patches`` (two arrays in one file) are not read; a label map alone has a mask and no image.

    Attributes:
        part: the part's folder.
        licence: ``shippable`` keeps the rows whose weights may be given away, ``any`` all.
        lungs: which lung mask of ``xray_notes``: ``manual``, ``auto``, or ``best`` (manual where there is one).
        slices: the rule by which volumes and DICOM series give slices.

    Raises:
        UserError: no such part, or an option that is none.
    """

    summary: ClassVar[str] = "a part of shared/data (JSON lines with images, volumes, masks, boxes, text)"

    part: str = ""
    licence: Literal["shippable", "any"] = "any"
    lungs: Literal["best", "manual", "auto"] = "best"
    slices: str = "central"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The rows of train, val and test, in the files' order; a row of ``text_captions`` is one caption."""
        if self.licence not in ("shippable", "any") or self.lungs not in ("best", "manual", "auto"):
            raise UserError(f"licence {self.licence!r}, lungs {self.lungs!r}: see SharedData's options")
        check_rule(self.slices)
        require_folder(root)
        parts = sorted(path.parent.name for path in root.glob("*/train.jsonl"))
        if self.part not in parts:
            raise UserError(
                f"{root}: no part {self.part!r} with a train.jsonl; there are: {', '.join(parts) or 'none'}"
            )
        folder = root / self.part
        seen: set[str] = set()
        for split in _SPLITS:
            path = folder / f"{split}.jsonl"
            for row in read_jsonl(path) if path.is_file() else ():
                if isinstance(row, Problem):
                    yield row
                    continue
                where = f"{path}:{row[0]}"
                for record in self._row(folder, row[1], split, where):
                    if isinstance(record, Problem):
                        yield record
                    elif record.id in seen:
                        yield Problem(where, f"id {record.id[:200]!r} is there already")
                    elif record.shippable or self.licence == "any":
                        seen.add(record.id)
                        yield record

    def _row(self, folder: Path, row: Mapping[str, Any], split: Split, where: str) -> Iterator[Record | Problem]:
        if row.get("text_file"):
            yield from self._captions(folder, row, split, where)
            return
        wrong = shared_row.wrong(row)
        if wrong:
            yield Problem(where, wrong)
            return
        lungs, names, files = masks_of(row, self.lungs)
        found = [inside(folder, str(name), where) for name in files]
        problem = next((path for path in found if isinstance(path, Problem)), None)
        masks = [path for path in found if isinstance(path, Path)]
        planes = problem or planes_of(folder, row, masks, self.slices, where)
        if isinstance(planes, Problem):
            yield planes
            return
        text, kind = shared_row.text(row)
        window = shared_row.window(row)
        raw = row.get("patient")
        if not raw and (row.get("volume") or row.get("volumes") or row.get("files")):
            raw = f"{self.part}/{row.get('id')}"  # a volume's slices stay together
        for plane in planes:
            fields = list(plane.images) or ["mri"]
            boxes = boxes_from(row.get("boxes") or [], fields[0])
            if isinstance(boxes, str):
                yield Problem(where, boxes)
                return
            yield Record(
                f"{row.get('id')}{plane.suffix}",
                plane.images,
                patient=pseudonym("shared", str(raw or "")),
                split=split,
                masks=dict.fromkeys(fields, MaskRef(plane.masks, names)) if plane.masks else {},
                boxes=boxes,
                labels=shared_row.labels(row),
                text=text,
                text_kind=kind,
                window=dict.fromkeys(fields, window) if window else {},
                licence=str(row.get("license", "")),
                shippable=shared_row.shippable(row),
                attributes={**shared_row.attributes(row), **({"lung_mask": lungs} if lungs else {})},
            )

    def _captions(self, folder: Path, row: Mapping[str, Any], split: Split, where: str) -> Iterator[Record | Problem]:
        path = inside(folder, str(row["text_file"]), where)
        if isinstance(path, Problem):
            yield path
            return
        for line in read_jsonl(path):
            if isinstance(line, Problem):
                yield line
                continue
            entry = line[1]
            if not isinstance(entry.get("id"), str) or not isinstance(entry.get("text"), str):
                yield Problem(f"{path}:{line[0]}", "no id or no text")
                continue
            licence = str(entry.get("license", ""))
            yield Record(
                entry["id"],
                split=split,
                text=entry["text"],
                text_kind="caption",
                licence=licence,
                # The file's row says yes for all; the captions under share-alike are not.
                shippable=row.get("reuse") == "yes" and licence in ("CC BY", "CC0"),
                attributes={"modality": str(entry.get("modality", ""))},
            )
