"""RSNA pneumonia detection challenge."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.sources.tables import listed_file, read_csv, required_file
from synthmed.sample import NO_FINDING, Box

_OPACITY = "lung opacity"


@dataclass(frozen=True)
class RsnaPneumonia:
    """``stage_2_train_labels.csv``, ``stage_2_detailed_class_info.csv`` and ``stage_2_train_images/ID.dcm``.

    Layout: HKU-MedAI/MGCA:mgca/constants.py and mgca/preprocess/rsna.py. A patient is one image and has as many rows as
    boxes. Labels are the detailed classes (``lung opacity``, ``no lung opacity / not normal``; ``Normal`` is no
    finding), and boxes are ``lung opacity``. Without the class table, which is then a `Problem`, a patient without box
    has no label. The labelled images are one set, without a split.
    """

    summary: ClassVar[str] = "RSNA pneumonia chest X-rays (DICOM) with boxes of lung opacity and three classes"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """By the label table's first row of each patient. A patient with a bad row is left out.

        Raises:
            UserError: the label table is missing, or lacks a column.
        """
        table = required_file(root, "stage_2_train_labels.csv")
        classes: dict[str, str] = {}
        details = root / "stage_2_detailed_class_info.csv"
        if os.path.isfile(details):
            for item in read_csv(details, ("patientId", "class")):
                if isinstance(item, Problem):
                    yield item
                else:
                    classes[item[1]["patientId"]] = item[1]["class"].strip().lower()
        else:
            yield Problem(str(details), "missing file")
        boxes: dict[str, list[Box]] = {}
        lines: dict[str, int] = {}
        bad = set()
        for item in read_csv(table, ("patientId", "x", "y", "width", "height", "Target")):
            if isinstance(item, Problem):
                yield item
                continue
            line, row = item
            found = boxes.setdefault(row["patientId"], [])
            lines.setdefault(row["patientId"], line)
            box = _box(row, f"{table}:{line}")
            if isinstance(box, Problem):
                bad.add(row["patientId"])
                yield box
            elif box is not None:
                found.append(box)
        for name, found in boxes.items():
            if name in bad:
                continue
            file = listed_file(root / "stage_2_train_images", f"{name}.dcm", f"{table}:{lines[name]}")
            if isinstance(file, Problem):
                yield file
                continue
            label = classes.get(name) or (_OPACITY if found else "")
            yield Record(
                id=name,
                images={"xray": FileRef(file)},
                patient=pseudonym("rsna_pneumonia", name),
                boxes=tuple(found),
                labels=(NO_FINDING,) if label == "normal" else (label,) if label else (),
                licence="RSNA terms: any purpose, attribution",
            )


def _box(row: Mapping[str, str], where: str) -> Box | Problem | None:
    if row["Target"].strip() == "0":
        return None
    if row["Target"].strip() != "1":
        return Problem(where, f"Target is {row['Target'][:40]!r}; it may be 0 or 1")
    try:
        x, y, width, height = (float(row[name]) for name in ("x", "y", "width", "height"))
    except ValueError:
        return Problem(where, "a box is four numbers")
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        return Problem(where, "a box has a width and a height above 0")
    return Box("xray", _OPACITY, x, y, width, height)
