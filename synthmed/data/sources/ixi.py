"""IXI: T1, T2 and proton density MRI of healthy brains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.record import Problem, Record
from synthmed.data.sources.volumes import check_rule, problem, slices_of
from synthmed.errors import UserError
from synthmed.sample import NO_FINDING

_NAME = re.compile(r"IXI(\d+)-([A-Za-z]+)-(\d+)-(T1|T2|PD)\.nii\.gz")
_FIELDS = {"T1": "mri", "T2": "mri.t2", "PD": "mri.pd"}


@dataclass(frozen=True)
class IXI:
    """Information eXtraction from Images, nearly 600 healthy subjects of three London hospitals.

    Layout, from https://brain-development.org/ixi-dataset/ and TorchIO-project/torchio:src/torchio/datasets/ixi.py (tar
    names, subjects by file name; its docstring shows T1 and T2 of different shapes)::

        [IXI-T1/]IXI002-Guys-0828-T1.nii.gz     or T1/, or all in one folder
        [IXI-T2/]IXI002-Guys-0828-T2.nii.gz
        [IXI-PD/]IXI002-Guys-0828-PD.nii.gz
        IXI.xls                                 not read: ages and sexes need a library for Excel's old format

    T2 and PD are two echoes of one scan and share a grid; T1 is another scan on another grid, not registered to them.
    So a subject gives records of ``mri.t2`` with ``mri.pd``, and others of ``mri`` (T1) alone: a record's images are
    always of the same slice. For triples, register T1 to T2 first and give the result as BIDS.

    Attributes:
        slices: see `synthmed.data.slices.slice_indices`; there are no masks.
        plane: ``axial``, ``coronal`` or ``sagittal``, found by each volume's affine, since T1 was scanned sagittally.
    """

    summary: ClassVar[str] = "IXI brain MRI of healthy subjects: T2 with PD of one grid, T1 of its own"
    slices: str = "central"
    plane: str = "axial"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record a slice and grid; there is no official split.

        Raises:
            UserError: no ``IXI…-T1.nii.gz``, ``-T2`` or ``-PD`` in ``root`` or its folders, or no such slice rule.
        """
        check_rule(self.slices)
        subjects: dict[str, dict[str, Path]] = {}
        for path in sorted([*root.glob("IXI*.nii.gz"), *root.glob("*/IXI*.nii.gz")]):
            if match := _NAME.fullmatch(path.name):
                subjects.setdefault(path.name.removesuffix(f"-{match[4]}.nii.gz"), {})[match[4]] = path
        if not subjects:
            raise UserError(f"{root}: there is no IXI-T1/IXI002-Guys-0828-T1.nii.gz; give the tars' folder")
        for subject, volumes in sorted(subjects.items()):
            yield from self._subject(subject, volumes)

    def _subject(self, subject: str, volumes: dict[str, Path]) -> Iterator[Record | Problem]:
        for grid in (("T2", "PD"), ("T1",)):
            images = {_FIELDS[contrast]: volumes[contrast] for contrast in grid if contrast in volumes}
            if not images:
                continue
            try:
                slices = slices_of(images, self.slices, self.plane)
            except UserError as error:
                yield problem(subject, error)
                continue
            for one in slices:
                yield Record(
                    id=f"{subject}-{'-'.join(contrast for contrast in grid if contrast in volumes)}{one.suffix}",
                    images=one.images,
                    patient=pseudonym("ixi", subject.split("-")[0]),
                    labels=(NO_FINDING,),
                    licence="CC BY-SA 3.0",
                    attributes={"site": subject.split("-")[1]},
                )
