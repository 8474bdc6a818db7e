"""A tree of DICOM files, as a scanner, an archive or TCIA gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from synthmed.data.record import Problem, Record
from synthmed.data.slices import slice_indices
from synthmed.data.sources.dicom_series import Stack, stacks
from synthmed.data.sources.fields import image_field
from synthmed.data.sources.paths import files_below, require_folder
from synthmed.errors import UserError

_FIELDS = {
    **dict.fromkeys(("CR", "DX", "MG", "PX", "IO", "RF", "XA"), "xray"),
    **dict.fromkeys(("XC", "ES", "OP", "GM"), "photo"),
    "CT": "ct",
    "MR": "mri",
}
_CONTRASTS = {"t2": "mri.t2", "pd": "mri.pd", "flair": "mri.flair"}
_ENDINGS = (".dcm", ".dicom", ".ima")


@dataclass(frozen=True)
class DicomTree:
    """Every DICOM file below a folder, whatever its name; series are put together by what the headers say.

    There is no layout to follow. Slices are sorted by ImagePositionPatient along the normal of ImageOrientationPatient,
    as MITK does (https://docs.mitk.org/2024.06/mitkSortByImagePositionPatient_8h.html). Nothing that identifies a
    patient is kept: ids are keyed hashes with a slice's number, and folders are not in them.

    Attributes:
        fields: image names by DICOM modality, over the usual ones: ``{"MR": "mri.t2", "US": "us"}``. Without it MR is
            the contrast whose word stands in the series' description (T2, PD, FLAIR), else ``mri``.
        slices: ``central`` or ``every:k`` of each stack of slices, or of a file's frames; radiographs are taken whole.

    Raises:
        UserError: no such folder, no DICOM file below it, or an option that is none.
    """

    summary: ClassVar[str] = "a tree of DICOM files: series grouped, slices sorted, nothing identifying kept"

    fields: Mapping[str, str] = field(default_factory=dict)
    slices: str = "central"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record a slice that the rule takes, by series; the headers of all files are read first."""
        names = {**_FIELDS, **{code: image_field(name) for code, name in self.fields.items()}}
        slice_indices(self.slices, 1)
        require_folder(root)
        files: list[Path] = []
        found = False
        for path in files_below(root):
            if isinstance(path, Problem):
                yield path
            elif looks_like_dicom(path):
                files.append(path)
        for stack in stacks(files):
            found = True
            yield from [stack] if isinstance(stack, Problem) else self._slices(stack, names)
        if not found:
            raise UserError(f"{root}: no DICOM file in it or below it")

    def _slices(self, stack: Stack, names: Mapping[str, str]) -> Iterator[Record | Problem]:
        code = stack.facts.modality
        name = names.get(code, "")
        if code == "MR" and code not in self.fields:
            name = _CONTRASTS.get(stack.facts.contrast, name)
        if not name:
            yield Problem(str(stack.images[0].path), f"DICOM modality {code} has no image name; give one in fields")
            return
        width = len(str(len(stack.images) - 1))
        for index in slice_indices(self.slices, len(stack.images)):
            yield Record(
                f"{stack.name}#{index:0{width}d}",
                {name: stack.images[index]},
                # Without a patient id, the slices of a series stay together all the same.
                patient=stack.facts.patient or stack.name.partition(".")[0],
                attributes={"dicom_modality": code},
            )


def looks_like_dicom(path: Path) -> bool:
    """Whether the name or the first bytes are DICOM's; a DICOMDIR, which lists other files, is not."""
    if path.name.upper() == "DICOMDIR":
        return False
    if path.name.lower().endswith(_ENDINGS):
        return True
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError:
        return False
    # Old files have no preamble, and begin with an element of group 0002 or 0008.
    return head[128:] == b"DICM" or (head[:4] in (b"\x08\x00\x00\x00", b"\x08\x00\x05\x00", b"\x02\x00\x00\x00"))
