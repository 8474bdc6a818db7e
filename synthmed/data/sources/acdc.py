"""ACDC: cine MRI of the heart at end of diastole and of systole, with masks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.pixels import check_file
from synthmed.data.record import MaskRef, Problem, Record, Split
from synthmed.data.sources.volumes import check_rule, folder_with, problem, slices_of
from synthmed.errors import UserError
from synthmed.sample import NO_FINDING, Scalar

_GROUPS = {
    "NOR": NO_FINDING,
    "MINF": "myocardial infarction",
    "DCM": "dilated cardiomyopathy",
    "HCM": "hypertrophic cardiomyopathy",
    "RV": "abnormal right ventricle",
}
_NAMES = {1: "right ventricle", 2: "myocardium", 3: "left ventricle"}
_NUMBER = r"[0-9]{1,4}(\.[0-9]{1,9})?"
_SPLITS: dict[str, Split] = {"training": "train", "testing": "test"}


@dataclass(frozen=True)
class ACDC:
    """Automated Cardiac Diagnosis Challenge (Bernard et al. 2018), 100 + 50 patients.

    Layout, from https://www.creatis.insa-lyon.fr/Challenge/acdc as MIC-DKFZ/nnUNet reads it
    (nnunetv2/dataset_conversion/Dataset027_ACDC.py: folders, ``_gt`` and ``_4d`` files, mask values)::

        [database/]{training,testing}/patient001/
            Info.cfg                    ED: 1 / ES: 12 / Group: DCM / Height: 184.0 / NbFrame: 30 / Weight: 95.0
            patient001_4d.nii.gz        not read
            patient001_frame01.nii.gz   short-axis stack; the frame numbers are Info.cfg's ED and ES
            patient001_frame01_gt.nii.gz    absent from testing in the releases before 2022

    The image is ``mri`` (balanced SSFP), cut across the stack's own axis. Each patient has two volumes, ED and ES.

    Attributes:
        slices: see `synthmed.data.slices.slice_indices`; all by default, of some ten a stack.
    """

    summary: ClassVar[str] = "ACDC cardiac cine MRI, ED and ES, masks of both ventricles and myocardium, 5 diagnoses"
    slices: str = "every:1"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record a slice; the official split is training and testing.

        Raises:
            UserError: no ``training`` or ``testing`` with patients below ``root``, or no such slice rule.
        """
        check_rule(self.slices)
        try:
            base = folder_with(root, ("", "database"), "training/patient*")
        except UserError:
            base = folder_with(root, ("", "database"), "testing/patient*")
        for name, split in _SPLITS.items():
            for folder in sorted((base / name).glob("patient*")):
                yield from self._patient(folder, split)

    def _patient(self, folder: Path, split: Split) -> Iterator[Record | Problem]:
        info = folder / "Info.cfg"
        try:
            facts = _info(info)
        except UserError as error:
            yield problem(info, error)
            return
        group = facts.get("Group", "")
        attributes: dict[str, Scalar] = {"group": group}
        for key in ("Height", "Weight"):
            if re.fullmatch(_NUMBER, facts.get(key, "")):
                attributes[key.lower()] = float(facts[key])
            else:
                yield Problem(str(info), f"{key} is missing or no number")
        for phase in ("ED", "ES"):
            if not re.fullmatch(r"[0-9]{1,3}", facts.get(phase, "")):
                yield Problem(str(info), f"{phase} is missing or no frame number")
                continue
            image = folder / f"{folder.name}_frame{int(facts[phase]):02d}.nii.gz"
            mask = image.with_name(image.name.replace(".nii.gz", "_gt.nii.gz"))
            masked = os.path.lexists(mask)
            if not masked and split == "train":
                yield Problem(str(mask), "there is no such file; its slices have no mask")
            try:
                slices = slices_of({"mri": image}, self.slices, 2, mask if masked else None)
            except UserError as error:
                yield problem(image, error)
                continue
            for one in slices:
                yield Record(
                    id=f"{split}/{image.name.removesuffix('.nii.gz')}{one.suffix}",
                    images=one.images,
                    patient=pseudonym("acdc", folder.name),
                    split=split,
                    masks={} if one.mask is None else {"mri": MaskRef((one.mask,), _NAMES)},
                    labels=(_GROUPS[group],) if group in _GROUPS else (),
                    licence="ACDC terms: research use, cite Bernard et al. 2018",
                    attributes={**attributes, "phase": phase},
                )


def _info(path: Path) -> dict[str, str]:
    """``key: value`` lines."""
    check_file(path, 2**16)
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError("not UTF-8 text") from None
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}
