"""A row's images and masks as 2D planes: a pixel file is one, a volume gives some by the slice rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthmed.data.reading import volume_axis
from synthmed.data.record import FileRef, Problem
from synthmed.data.sources.paths import VOLUMES
from synthmed.data.sources.volumes import slices_of
from synthmed.errors import UserError


@dataclass(frozen=True)
class Plane:
    """One 2D cut of a row: ``suffix`` tells it from the row's others in an id."""

    suffix: str
    images: Mapping[str, FileRef]
    masks: tuple[FileRef, ...]


def is_volume(path: Path) -> bool:
    """Whether the file is NIfTI or MetaImage by its name."""
    return path.name.lower().endswith(VOLUMES)


def cut(images: Mapping[str, Path], masks: Sequence[Path], rule: str, where: str) -> list[Plane] | Problem:
    """The planes of a row's aligned images and masks, which are all 2D files or all volumes.

    Volumes are cut into axial slices, across the array axis that is nearest to the body's foot-head axis, and their ids
    end in ``#<index>``. Only headers are read, and under the rule ``mask`` the mask's voxels.

    Args:
        images: by canonical name, at least one.
        masks: files aligned with the images; one for volumes.
        rule: see `slice_indices`; not used for 2D files.
    """
    paths = [*images.values(), *masks]
    volumes = [path for path in paths if is_volume(path)]
    if not volumes:
        whole = {name: FileRef(path) for name, path in images.items()}
        return [Plane("", whole, tuple(FileRef(path) for path in masks))]
    if len(volumes) < len(paths) or len(masks) > 1:
        return Problem(where, "2D files and volumes in one row, or several masks of a volume")
    try:
        # A cube's shape does not tell that its axes are in another order.
        if len({volume_axis(path, "axial") for path in paths}) > 1:
            return Problem(where, f"axes of {paths[0].name} and the row's other volumes in different orders")
        slices = slices_of(images, rule, "axial", masks[0] if masks else None)
    except UserError as error:
        return Problem(where, str(error).removeprefix(f"{where}: "))
    return [Plane(one.suffix, one.images, () if one.mask is None else (one.mask,)) for one in slices]
