"""Gold Atlas male pelvis: CT and MRI of the same patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

from synthmed.data.dicom import DicomFacts, read_header
from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.slices import slice_indices
from synthmed.data.sources.volumes import check_rule, problem
from synthmed.errors import UserError

Stack: TypeAlias = tuple[object, ...]


@dataclass(frozen=True)
class GoldAtlas:
    """Gold Atlas, male pelvis (Nyholm et al. 2018), 19 patients of three sites.

    Layout, from https://zenodo.org/records/583096 (on request) as two public scripts that sort its files read it (one
    that asks for 'MR', 'CT', 'REG' and 'RS' in file names and for T1, T2 and Deformed in the series' description, one
    that lists the folders 1_01_P … 3_04_P). Each patient's archive unpacks to its own folder of DICOM files::

        1_01_P/*.dcm    MR T1, MR T2, CT, the CT deformed to the MRI, REG and RS objects, label files

    Folders below a patient's are read too. Images are ``mri`` (T1), ``mri.t2`` and ``ct``. Slices of the MRI and of the
    deformed CT that lie on the same pixels (size, spacing, orientation and origin, to 0.1 mm) are one record; every
    other slice, and the CT as it was scanned, is a record of its own. The delineations (RS) are contours and not read.

    Attributes:
        slices: see `synthmed.data.slices.slice_indices`, counted along each stack; there are no masks.
    """

    summary: ClassVar[str] = "Gold Atlas male pelvis: T1 and T2 MRI with CT deformed to them, DICOM"
    slices: str = "every:4"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record a slice; there is no official split.

        Raises:
            UserError: no folder such as ``1_01_P`` in ``root``, or no such slice rule.
        """
        check_rule(self.slices)
        patients = sorted(path for path in root.glob("[0-9]_[0-9][0-9]_P*") if path.is_dir())
        if not patients:
            raise UserError(f"{root}: there is no folder 1_01_P; unpack each patient's archive into its own")
        for patient in patients:
            yield from self._patient(patient)

    def _patient(self, folder: Path) -> Iterator[Record | Problem]:
        stacks: dict[Stack, dict[tuple[float, ...], dict[str, FileRef]]] = defaultdict(lambda: defaultdict(dict))
        for path in sorted(folder.rglob("*.dcm")):
            # Registrations and contours have no pixels; their names say what they are.
            if any(mark in path.stem for mark in ("REG", "RS", "labels")):
                continue
            try:
                facts = read_header(path)
                name = _field(facts)
                if facts.orientation is None or facts.origin is None or facts.position is None:
                    raise UserError("no position or orientation of the slice")
            except UserError as error:
                yield problem(path, error)
                continue
            origin = tuple(round(place, 1) for place in facts.origin)
            slot = stacks[_stack(facts)][(round(facts.position, 1), *origin)]
            if name in slot:
                yield Problem(str(path), f"another {name} lies at the same place; {slot[name].path.name} is used")
                continue
            slot[name] = FileRef(path)
        for number, stack in enumerate(sorted(stacks, key=str)):
            places = sorted(stacks[stack])
            try:
                indices = slice_indices(self.slices, len(places))
            except UserError as error:
                yield problem(folder, error)
                return
            for index in indices:
                yield Record(
                    id=f"{folder.name}/{number}#{index:03d}",
                    images=stacks[stack][places[index]],
                    patient=pseudonym("gold_atlas", folder.name),
                    licence="Gold Atlas terms: research use, on request",
                )


def _field(facts: DicomFacts) -> str:
    if facts.modality == "CT":
        return "ct"
    if facts.modality == "MR" and facts.contrast in ("t1", "t2"):
        return "mri" if facts.contrast == "t1" else "mri.t2"
    raise UserError("neither CT nor MR whose series' description has T1 or T2")


def _stack(facts: DicomFacts) -> Stack:
    """What slices share that can lie on the same pixels; the CT as it was scanned is never registered to the MRI."""
    scanned = facts.modality == "CT" and not facts.deformed
    spacing = tuple(round(mm, 3) for mm in facts.spacing or ())
    return (scanned, facts.rows, facts.columns, spacing, tuple(round(c, 3) + 0.0 for c in facts.orientation or ()))
