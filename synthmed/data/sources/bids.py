"""Anatomical MRI of a BIDS data set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.record import Problem, Record
from synthmed.data.sources.cutting import cut
from synthmed.data.sources.fields import labels_from
from synthmed.data.sources.paths import files_below, require_folder
from synthmed.data.sources.tables import facts, read_csv, read_text
from synthmed.data.sources.volumes import check_rule
from synthmed.errors import UserError

_FILE = re.compile(
    r"(?P<subject>sub-[A-Za-z0-9+]+)_(?:(?:ses|task|acq|ce|rec|run|echo|part)-[A-Za-z0-9+]+_)*"
    r"(?P<suffix>T1w|T2w|PDw|FLAIR)\.nii(?:\.gz)?\Z"
)
_COMPLEX = re.compile(r"_part-(?!mag)")
_CONTRAST = {"T1w": "mri", "T2w": "mri.t2", "PDw": "mri.pd", "FLAIR": "mri.flair"}


@dataclass(frozen=True)
class Bids:
    """``sub-<label>/[ses-<label>/]anat/sub-<label>[_…]_{T1w,T2w,PDw,FLAIR}.nii[.gz]`` and ``participants.tsv``.

    Layout and suffixes:
    bids-standard/bids-specification:src/modality-specific-files/magnetic-resonance-imaging-data.md.
    A T1w file with a contrast agent (``ce-…``) is ``mri.t1c``; phase images (``part-phase`` …) are passed over, and so
    is ``derivatives/``. Each file is a record of its own: BIDS does not say that two contrasts share a grid.

    Attributes:
        labels: a column of ``participants.tsv`` with the finding, as ``diagnosis``.
        negative: the value in it that stands for no finding, as ``control``.
        slices: the rule by which volumes give slices.

    Raises:
        UserError: no such folder, no anatomical image in it, or a column that ``participants.tsv`` lacks.
    """

    summary: ClassVar[str] = "BIDS: anatomical MRI (T1w, T2w, PDw, FLAIR) with participants.tsv"

    labels: str = ""
    negative: str = ""
    slices: str = "central"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The slices of each anatomical file, by path; age and sex from ``participants.tsv``."""
        check_rule(self.slices)
        require_folder(root)
        people: dict[str, Mapping[str, str]] = {}
        yield from _participants(root, self.labels, people)
        # Two data sets may both have a sub-01.
        source = f"bids:{_name(root)}"
        found = False
        for path in files_below(root):
            if isinstance(path, Problem):
                yield path
                continue
            subject = path.relative_to(root).parts[0]
            match = _FILE.match(path.name)
            if (
                match is None
                or not subject.startswith("sub-")
                or path.parent.name != "anat"
                or _COMPLEX.search(path.name)
            ):
                continue
            found = True
            if match["subject"] != subject:
                yield Problem(str(path), f"named after another subject than its folder {subject}")
                continue
            yield from self._slices(root, path, match["suffix"], people.get(subject, {}), source)
        if not found:
            raise UserError(f"{root}: no sub-<label>/[ses-<label>/]anat/*_T1w.nii.gz (or T2w, PDw, FLAIR) in it")

    def _slices(
        self, root: Path, path: Path, suffix: str, person: Mapping[str, str], source: str
    ) -> Iterator[Record | Problem]:
        field = "mri.t1c" if suffix == "T1w" and "_ce-" in path.name else _CONTRAST[suffix]
        planes = cut({field: path}, (), self.slices, str(path))
        if isinstance(planes, Problem):
            yield planes
            return
        name = path.relative_to(root).as_posix()
        for plane in planes:
            yield Record(
                name + plane.suffix,
                plane.images,
                patient=pseudonym(source, name.partition("/")[0]),
                labels=labels_from([person[self.labels]], self.negative) if self.labels and person else (),
                attributes=facts(person, {"age": "age", "sex": "sex"}),
            )


def _participants(root: Path, labels: str, people: dict[str, Mapping[str, str]]) -> Iterator[Problem]:
    """Fill ``people`` by participant; yields what is wrong with the table."""
    path = root / "participants.tsv"
    if not path.is_file():
        if labels:
            raise UserError(f"{path}: there is no such file, so no column {labels!r} for the labels")
        return
    wanted = ["participant_id", *([labels] if labels else [])]
    for row in read_csv(path, wanted, key="participant_id", delimiter="\t"):
        if isinstance(row, Problem):
            yield row
        else:
            # BIDS writes a missing value as n/a.
            people[row[1]["participant_id"]] = {key: "" if value == "n/a" else value for key, value in row[1].items()}


def _name(root: Path) -> str:
    """The data set's own name; ``""`` where its description is missing or damaged."""
    text = read_text(root / "dataset_description.json")
    if isinstance(text, Problem):
        return ""
    try:
        description = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return str(description.get("Name", "")) if isinstance(description, dict) else ""
