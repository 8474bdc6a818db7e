"""An inspection in words: the sections of ``synthmed data check``."""

from __future__ import annotations

from collections import Counter

import numpy as np

from synthmed.data.inspection import ImageFacts, Inspection
from synthmed.report.grid import contact_sheet
from synthmed.report.html import Part, Picture, Section
from synthmed.report.table import Cell, Table

SHOWN = 20
"""Problems, leaks and repeats that are listed one by one; the rest are counted."""


def sections(found: Inspection) -> list[Section]:
    """Counts, labels, images, texts, licences, then what is wrong."""
    splits = [split for split in ("train", "val", "test", "") if split in found.splits]
    return [
        Section("Records", [_records(found, splits)]),
        Section("Labels", [_labels(found, splits)]),
        *(Section(f"Images: {name}", _images(name, facts)) for name, facts in found.images.items()),
        Section("Masks and boxes", [_counts("mask of", found.masks), _counts("box", found.boxes)]),
        Section("Texts", [_texts(found)]),
        Section("Licences", [_licences(found)]),
        Section("Problems", _listed([str(problem) for problem in found.problems], "every row and file can be read")),
        Section("Repeated pictures", _listed([", ".join(names) for names in found.repeats], "no two are the same")),
        Section("Leaks between splits", _listed([str(leak) for leak in found.leaks], "none found")),
    ]


def _records(found: Inspection, splits: list[str]) -> Table:
    rows: list[list[Cell]] = [
        [split or "no split", found.splits[split], len(found.patients.get(split, ()))] for split in splits
    ]
    return Table(["split", "records", "patients"], rows)


def _labels(found: Inspection, splits: list[str]) -> Table:
    names = sorted({label for label, _ in found.labels})
    rows: list[list[Cell]] = [[name, *(found.labels[name, split] for split in splits)] for name in names]
    return Table(["label", *(split or "no split" for split in splits)], rows)


def _images(name: str, facts: ImageFacts) -> list[Part]:
    ranges = np.stack(facts.ranges)
    middle = np.median(ranges, axis=0)
    low, high = float(ranges[:, 0].min()), float(ranges[:, 4].max())
    rows: list[list[Cell]] = [
        ["rows x columns", _most({f"{rows} x {columns}": n for (rows, columns), n in facts.sizes.items()})],
        ["stored as", _most({_unit(*key): n for key, n in facts.units.items()})],
        ["mm (row, column)", _most({str(key or "not said"): n for key, n in facts.spacings.items()})],
        ["values", f"{low:g} to {high:g}"],
        ["median 1 %, 50 %, 99 %", ", ".join(f"{value:g}" for value in middle[1:4])],
    ]
    sheet = Picture(contact_sheet(facts.pictures), f"{len(facts.pictures)} of {len(facts.ranges)} {name} images")
    return [Table([name, f"n = {len(facts.ranges)}"], rows), sheet]


def _unit(unit: str, bits: int) -> str:
    return {"HU": "HU", "scanner": "the scanner's unit"}.get(unit, f"{bits} bit")


def _most(counts: dict[str, int]) -> str:
    """The five most frequent values with their counts."""
    ordered = Counter(counts).most_common()
    rest = f" and {len(ordered) - 5} others" if len(ordered) > 5 else ""
    return ", ".join(f"{value} ({n})" for value, n in ordered[:5]) + rest


def _counts(head: str, counts: Counter[str]) -> Table:
    return Table([head, "n"], [[name, n] for name, n in counts.most_common()])


def _texts(found: Inspection) -> Table:
    rows: list[list[Cell]] = [
        [kind, len(words), min(words), float(np.median(words)), max(words)] for kind, words in found.words.items()
    ]
    return Table(["kind", "n", "least words", "median", "most"], rows)


def _licences(found: Inspection) -> Table:
    rows = [[licence, "yes" if shippable else "no", n] for (licence, shippable), n in found.licences.most_common()]
    return Table(["licence", "weights may be given away", "n"], rows)


def _listed(lines: list[str], none: str) -> list[Part]:
    if not lines:
        return [none]
    rest = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [f"{len(lines)} in all", *lines[:SHOWN], *rest]
