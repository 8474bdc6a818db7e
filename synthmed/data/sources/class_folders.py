"""One folder a class, perhaps under train, val and test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.record import Problem, Record
from synthmed.data.sources.cutting import cut, is_volume
from synthmed.data.sources.fields import image_field, labels_from
from synthmed.data.sources.paths import files_below, is_image, require_folder, split_named
from synthmed.data.sources.volumes import check_rule
from synthmed.errors import UserError


@dataclass(frozen=True)
class ClassFolders:
    """Images in class folders: ``[train|val|test/]<class>/[…/]image``.

    The layout is torchvision's ``ImageFolder``
    (https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html), once more below each split.

    Attributes:
        modality: what the images are.
        negative: the class that stands for no finding, as ``NORMAL``.
        slices: the rule by which a volume gives slices.

    Raises:
        UserError: no such folder, no image in a class folder, or an option that is none.
    """

    summary: ClassVar[str] = "class folders, optionally under train, val and test (torchvision's ImageFolder)"

    modality: str = "xray"
    negative: str = ""
    slices: str = "central"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The images by path; one that is in no class folder is a problem."""
        field = image_field(self.modality)
        check_rule(self.slices)
        require_folder(root)
        found = False
        for path in files_below(root):
            if isinstance(path, Problem):
                yield path
            elif is_image(path):
                relative = path.relative_to(root)
                folders = relative.parts[:-1]
                split = split_named(folders[0]) if folders else ""
                classes = folders[1:] if split else folders
                if not classes:
                    yield Problem(str(path), "an image in no class folder")
                    continue
                found = True
                planes = cut({field: path}, (), self.slices, str(path))
                if isinstance(planes, Problem):
                    yield planes
                    continue
                name = relative.as_posix()
                for plane in planes:
                    yield Record(
                        name + plane.suffix,
                        plane.images,
                        patient=pseudonym("class_folders", name) if is_volume(path) else "",
                        split=split,
                        labels=labels_from(classes[:1], self.negative),
                    )
        if not found:
            raise UserError(f"{root}: no image in a class folder; the layout is [train|val|test/]<class>/image")
