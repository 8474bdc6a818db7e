"""CheXpert (Stanford)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, Problem, Record, Split
from synthmed.data.sources.tables import facts, listed_file, read_csv, required_file
from synthmed.errors import UserError
from synthmed.sample import NO_FINDING

Uncertain = Literal["mixed", "ones", "zeros"]

FINDINGS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)

# Uncertain counts as present here, as absent elsewhere: HKU-MedAI/MGCA:mgca/constants.py.
PRESENT_IF_UNCERTAIN = ("Atelectasis", "Edema", "Pleural Effusion")


@dataclass(frozen=True)
class CheXpert:
    """``train.csv``, ``valid.csv`` and the images that their ``Path`` column names; the small release too.

    Layout: HKU-MedAI/MGCA:mgca/constants.py and mgca/datasets/; https://stanfordmlgroup.github.io/competitions/chexpert.
    ``Path`` begins with the release's own folder, which may be ``root`` or lie in it under that name.

    Args:
        uncertain: what a -1 means; ``mixed`` is present for atelectasis, edema and pleural effusion, absent for the
            rest (CheXpert's paper for the five competition labels); ``ones``, ``zeros``: always so. Blank is absent.
        frontal_only: leave out lateral views.
        valid_split: the split of ``valid.csv``; MGCA tests on it.
    """

    uncertain: Uncertain = "mixed"
    frontal_only: bool = False
    valid_split: Split = "val"

    summary: ClassVar[str] = "CheXpert chest X-rays with 14 labels, official train and valid"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The rows of ``train.csv``, then of ``valid.csv``; the id is the path within the release.

        Raises:
            UserError: ``train.csv`` is missing, a table lacks a column, or an option has none of its values.
        """
        if self.valid_split not in get_args(Split):
            raise UserError(f"valid_split: {self.valid_split!r}; it may be train, val or test")
        names = ("train.csv", "CheXpert-v1.0-small/train.csv", "CheXpert-v1.0/train.csv")
        root = required_file(root, *names).parent
        yield from self._table(root, "train.csv", "train")
        if os.path.isfile(root / "valid.csv"):
            yield from self._table(root, "valid.csv", self.valid_split)
        else:
            yield Problem(str(root / "valid.csv"), "missing file")

    def _table(self, root: Path, name: str, split: Split) -> Iterator[Record | Problem]:
        required = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", *FINDINGS)
        for item in read_csv(root / name, required, key="Path"):
            if isinstance(item, Problem):
                yield item
                continue
            line, row = item
            where = f"{root / name}:{line}"
            if self.frontal_only and row["Frontal/Lateral"] != "Frontal":
                continue
            folder, _, rest = row["Path"].partition("/")
            path = rest if folder.startswith("CheXpert") else row["Path"]
            patients = [part for part in path.split("/") if part.startswith("patient")]
            labels = chexpert_labels(row, self.uncertain, where)
            file = listed_file(root, path, where)
            if isinstance(labels, Problem):
                yield labels
            elif isinstance(file, Problem):
                yield file
            else:
                yield Record(
                    id=path,
                    images={"xray": FileRef(file)},
                    patient=pseudonym("chexpert", patients[0] if patients else ""),
                    split=split,
                    labels=labels,
                    licence="Stanford University CheXpert research use agreement",
                    attributes=facts(row, {"age": "Age", "sex": "Sex", "side": "Frontal/Lateral", "view": "AP/PA"}),
                )


def chexpert_labels(row: Mapping[str, str], uncertain: Uncertain, where: str) -> tuple[str, ...] | Problem:
    """The findings that the CheXpert labeller's columns say are there; a `Problem` where a value is none of its four.

    ``("no finding",)`` where "No Finding" is 1 and nothing else is; a support device alone may come with it, and is
    then the label.

    Raises:
        UserError: ``uncertain`` is none of its values.
    """
    if uncertain not in get_args(Uncertain):
        raise UserError(f"uncertain: {uncertain!r}; it may be {', '.join(get_args(Uncertain))}")
    labels = []
    for name in ("No Finding", *FINDINGS):
        value = row[name].strip()
        if value not in ("", "0", "0.0", "1", "1.0", "-1", "-1.0"):
            return Problem(where, f"{name} is {value[:40]!r}; it may be 1, 0, -1 or blank")
        doubt = uncertain == "ones" or (uncertain == "mixed" and name in PRESENT_IF_UNCERTAIN)
        if value in ("1", "1.0") or (value.startswith("-") and doubt and name != "No Finding"):
            labels.append(name.lower())
    return tuple(label for label in labels if label != NO_FINDING) or tuple(labels)
