"""The rows that a recipe's data section names, dealt into splits and checked for leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synthmed.data.leaks import Leak, LeakFinder, refusal
from synthmed.data.reading import read_images
from synthmed.data.record import Problem, Record
from synthmed.data.sources.options import make_source
from synthmed.data.spec import DataSpec, PartSpec
from synthmed.data.split import official, split_by_patient
from synthmed.errors import UserError
from synthmed.modality import image_name
from synthmed.sample import NO_FINDING
from synthmed.whole_files import write_json


@dataclass(frozen=True)
class Row:
    """A record and the name of the pipeline that its item runs through ("" for its modality's default)."""

    record: Record
    pipeline: str


@dataclass
class Assembled:
    """What a data section gives.

    Attributes:
        splits: rows by split, in the order of the parts.
        labels, mask_names, box_names: the vocabularies.
        problems: rows and files that were left out.
        leaks: that were allowed.
    """

    splits: dict[str, list[Row]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    mask_names: tuple[str, ...] = ()
    box_names: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """What a run's folder keeps: counts, vocabularies, and every problem and allowed leak as a line."""
        counts = {split: len(rows) for split, rows in self.splits.items()}
        names = {split: {row.record.patient for row in rows} - {""} for split, rows in self.splits.items()}
        patients = {split: len(them) for split, them in names.items()}
        return {
            "records": counts,
            "patients": patients,
            "shippable": all(row.record.shippable for rows in self.splits.values() for row in rows),
            "licences": sorted({row.record.licence for rows in self.splits.values() for row in rows}),
            "labels": self.labels,
            "mask_names": self.mask_names,
            "box_names": self.box_names,
            "problems": [str(problem) for problem in self.problems],
            "allowed_leaks": [str(leak) for leak in self.leaks],
        }


def assemble(spec: DataSpec, *, check_leaks: bool = True) -> Assembled:
    """Read the rows of all parts, split them, leave out what cannot be read, and refuse what leaks.

    Leaks are looked for over all parts together: the same patient, pixels or near-duplicates in two splits. With one
    split there is nothing to leak into, and no pixel is read.

    Raises:
        UserError: a source, option or folder that is wrong; no record left; a problem under ``problems: refuse``; or
            splits that leak, with the offenders, unless ``allow_leak``.
    """
    found = Assembled()
    for place, part in enumerate(spec.parts):
        # Rows of several sources keep apart by the part's number: ids are unique within one alone.
        prefix = f"{part.source}[{place}] " if len(spec.parts) > 1 else ""
        for split, records in _split(part, spec.root, found.problems).items():
            rows = [Row(replace(record, id=f"{prefix}{record.id}"), part.pipeline) for record in records]
            if rows:
                found.splits.setdefault(split, []).extend(rows)
    found.splits = {split: found.splits[split] for split in ("train", "val", "test") if split in found.splits}
    if check_leaks and len(found.splits) > 1:
        found.splits, found.leaks = _without_leaks(found, allow=spec.allow_leak)
    if spec.problems == "refuse" and found.problems:
        rest = f"; and {len(found.problems) - 1} more" if len(found.problems) > 1 else ""
        raise UserError(f"{found.problems[0]}{rest} (data.problems: skip leaves them out)")
    if not found.splits:
        first = f"; the first: {found.problems[0]}" if found.problems else ""
        raise UserError(f"{spec.root}: the recipe's data give no record ({len(found.problems)} problems{first})")
    records = [row.record for rows in found.splits.values() for row in rows]
    found.labels = _vocabulary(spec.labels, (name for record in records for name in record.labels))
    masks = (name for record in records for mask in record.masks.values() for name in mask.names.values())
    found.mask_names = _vocabulary(spec.mask_names, masks)
    found.box_names = _vocabulary(spec.box_names, (box.category for record in records for box in record.boxes))
    return found


def write_summary(found: Assembled, path: Path) -> None:
    """The summary as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, found.summary())


def _split(part: PartSpec, root: Path, problems: list[Problem]) -> Mapping[str, list[Record]]:
    source = make_source(part.source, part.options)
    folder = root / part.path
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder (data.root and the part's path)")
    records = list(_sound(source.records(folder), part, problems))
    if part.split == "official":
        parts = official(records)
    elif part.split == "patient":
        parts = split_by_patient(records, part.fractions, part.seed)
    else:
        parts = {part.split: records}
    return {split: _limited(parts[split], part.limit) for split in parts if split in part.keep}


def _sound(rows: Iterable[Record | Problem], part: PartSpec, problems: list[Problem]) -> Iterator[Record]:
    for row in rows:
        if isinstance(row, Problem):
            problems.append(row)
            continue
        if part.images is not None:
            row = replace(row, images={name: ref for name, ref in row.images.items() if name in part.images})
            if not row.images:
                continue
        if part.window is not None and row.attributes.get("window_missing"):
            assumed = {name: part.window for name in row.images if image_name(name).modality == "ct"}
            row = replace(row, window={**assumed, **row.window})
        yield row


def _limited(records: list[Record], limit: int | None) -> list[Record]:
    """A fixed choice that does not follow the files' order, which often goes by class."""
    if limit is None or len(records) <= limit:
        return records
    chosen = sorted(records, key=lambda record: hashlib.sha256(record.id.encode("utf-8", "replace")).digest())[:limit]
    kept = {record.id for record in chosen}
    return [record for record in records if record.id in kept]


def _without_leaks(found: Assembled, *, allow: bool) -> tuple[dict[str, list[Row]], list[Leak]]:
    """The splits without records that cannot be read, and their leaks where those are allowed."""
    sound: dict[str, list[Row]] = {}
    finder = LeakFinder()
    for split, rows in found.splits.items():
        for row in rows:
            try:
                finder.add(split, row.record, read_images(row.record))
            except UserError as error:
                found.problems.append(Problem(row.record.id, str(error)))
            else:
                sound.setdefault(split, []).append(row)
    leaks = finder.leaks()
    if leaks and not allow:
        raise UserError(refusal(leaks))
    return sound, leaks


def _vocabulary(given: tuple[str, ...] | None, names: Iterable[str]) -> tuple[str, ...]:
    return given if given is not None else tuple(sorted(set(names) - {NO_FINDING}))
