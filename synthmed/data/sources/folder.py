"""A folder of images, and nothing but images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.record import Problem, Record
from synthmed.data.sources.cutting import cut, is_volume
from synthmed.data.sources.fields import image_field
from synthmed.data.sources.paths import files_below, is_image, require_folder
from synthmed.data.sources.volumes import check_rule
from synthmed.errors import UserError


@dataclass(frozen=True)
class Folder:
    """Every PNG, JPEG, BMP, NIfTI and MetaImage file below a folder; other files are passed over, hidden ones too.

    The format is this project's own: there is no document. A file's relative path is its id. 2D files count as their
    own patients; the slices of a volume share one.

    Attributes:
        modality: what the images are, as ``xray`` or ``mri.t2``.
        slices: the rule by which a volume gives slices.

    Raises:
        UserError: no such folder, no image below it, or an option that is none.
    """

    summary: ClassVar[str] = "a folder of images (PNG, JPEG, BMP, NIfTI, MetaImage), sub-folders included"

    modality: str = "xray"
    slices: str = "central"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record a 2D file, one a slice of a volume, by path; links out of ``root`` are problems."""
        field = image_field(self.modality)
        check_rule(self.slices)
        require_folder(root)
        found = False
        for path in files_below(root):
            if isinstance(path, Problem):
                found = True
                yield path
            elif is_image(path):
                found = True
                yield from self._records(path, field, path.relative_to(root).as_posix())
        if not found:
            raise UserError(f"{root}: no image (PNG, JPEG, BMP, NIfTI, MetaImage) in it or below it")

    def _records(self, path: Path, field: str, name: str) -> Iterator[Record | Problem]:
        planes = cut({field: path}, (), self.slices, str(path))
        if isinstance(planes, Problem):
            yield planes
            return
        patient = pseudonym("folder", name) if is_volume(path) else ""
        for plane in planes:
            yield Record(name + plane.suffix, plane.images, patient=patient)
