"""BraTS 2020: four MRI contrasts of gliomas with masks."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.pixels import check_file
from synthmed.data.record import MaskRef, Problem, Record, Split
from synthmed.data.sources.volumes import check_rule, problem, slices_of
from synthmed.errors import UserError
from synthmed.sample import Scalar

_CONTRASTS = {"mri": "t1", "mri.t2": "t2", "mri.flair": "flair", "mri.t1c": "t1ce"}
_NAMES = {1: "necrotic and non-enhancing tumour core", 2: "peritumoral oedema", 4: "enhancing tumour"}
_GRADES = {"HGG": "high-grade glioma", "LGG": "low-grade glioma"}
_MISNAMED = "W39_1998.09.19_Segm"
_MAPPING = "name_mapping.csv"


@dataclass(frozen=True)
class BraTS2020:
    """MICCAI BraTS 2020, 369 training and 125 validation studies on one 240 x 240 x 155 grid of 1 mm.

    Layout, from https://www.med.upenn.edu/cbica/brats2020/data.html and its Kaggle copy as
    kancheng/fl-test-init:brats-2020-demo/input/README.md lists it (``.nii.gz`` at CBICA, ``.nii`` at Kaggle)::

        [BraTS2020_TrainingData/]MICCAI_BraTS2020_TrainingData/
            name_mapping.csv            Grade, …, BraTS_2020_subject_ID
            survival_info.csv           Brats20ID, Age, Survival_days, Extent_of_Resection (236 of the patients)
            BraTS20_Training_001/BraTS20_Training_001_{flair,t1,t1ce,t2,seg}.nii[.gz]
            BraTS20_Training_355/W39_1998.09.19_Segm.nii    the mask of 355, misnamed in the release
        [BraTS2020_ValidationData/]MICCAI_BraTS2020_ValidationData/BraTS20_Validation_001/…   without masks and grades

    A record has all four contrasts: ``mri`` (T1), ``mri.t2``, ``mri.flair``, ``mri.t1c``, with the mask of each, which
    has no value 3. The label is the patient's grade, whether the slice shows tumour or not.

    Attributes:
        slices: see `synthmed.data.slices.slice_indices`; by default every eighth axial slice that shows tumour.
            Validation studies have no mask and need ``central`` or ``every:k``.
    """

    summary: ClassVar[str] = "BraTS 2020 brain MRI, T1, T2, FLAIR and T1c of one grid, tumour masks, grade"
    slices: str = "mask:8"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record a slice; the official split is training and validation.

        Raises:
            UserError: no ``MICCAI_BraTS2020_TrainingData/BraTS20_Training_*`` below ``root``, or no such slice rule.
        """
        check_rule(self.slices)
        studies = 0
        for kind, split in _SPLITS.items():
            base = f"MICCAI_BraTS2020_{kind}Data"
            for folder in (root, root / base, root / f"BraTS2020_{kind}Data" / base):
                found = sorted(path for path in folder.glob(f"BraTS20_{kind}_*") if path.is_dir())
                if found:
                    studies += len(found)
                    yield from self._split(folder, found, split)
                    break
        if not studies:
            raise UserError(f"{root}: there is no MICCAI_BraTS2020_TrainingData/BraTS20_Training_001")

    def _split(self, folder: Path, studies: list[Path], split: Split) -> Iterator[Record | Problem]:
        grades: dict[str, dict[str, str]] = {}
        survival: dict[str, dict[str, str]] = {}
        if split == "train":
            for table, name, key in (
                (grades, _MAPPING, "BraTS_2020_subject_ID"),
                (survival, "survival_info.csv", "Brats20ID"),
            ):
                try:
                    table.update(_table(folder / name, key))
                except UserError as error:
                    yield problem(folder / name, error)
        for study in studies:
            images = {name: _volume(study, f"{study.name}_{suffix}") for name, suffix in _CONTRASTS.items()}
            mask = _volume(study, f"{study.name}_seg")
            if not mask.exists():
                mask = _volume(study, _MISNAMED)
            if split == "train" and not mask.exists():
                yield Problem(str(study), f"there is no {study.name}_seg.nii")
            try:
                slices = slices_of(images, self.slices, "axial", mask if mask.exists() else None)
            except UserError as error:
                yield problem(study, error)
                continue
            grade = grades.get(study.name, {}).get("Grade", "")
            for one in slices:
                yield Record(
                    id=f"{study.name}{one.suffix}",
                    images=one.images,
                    patient=pseudonym("brats2020", study.name),
                    split=split,
                    masks={} if one.mask is None else dict.fromkeys(images, MaskRef((one.mask,), _NAMES)),
                    labels=(_GRADES[grade],) if grade in _GRADES else (),
                    licence="BraTS 2020 terms: research use, cite Menze 2015, Bakas 2017, Bakas 2018",
                    attributes=_attributes(survival.get(study.name, {})),
                )


_SPLITS: dict[str, Split] = {"Training": "train", "Validation": "val"}


def _volume(folder: Path, stem: str) -> Path:
    """The .nii.gz where there is one, else the .nii."""
    packed = folder / f"{stem}.nii.gz"
    return packed if packed.exists() else folder / f"{stem}.nii"


def _attributes(row: dict[str, str]) -> dict[str, Scalar]:
    age = row.get("Age") or ""
    return {"age": float(age)} if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", age) else {}


def _table(path: Path, key: str) -> dict[str, dict[str, str]]:
    """A CSV's rows by one column."""
    check_file(path, 2**24)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if key not in (rows.fieldnames or ()):
                raise UserError(f"there is no column {key}")
            return {row[key]: row for row in rows}
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise UserError("not a CSV table in UTF-8") from None
