"""A study's aligned volumes as slices: what the sources of volumes share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthmed.data.reading import chosen_slices, volume_axis, volume_shape
from synthmed.data.record import FileRef, Problem
from synthmed.data.slices import slice_indices
from synthmed.errors import UserError


@dataclass(frozen=True)
class Slice:
    """One slice of all volumes of a study; ``suffix`` ends its id."""

    suffix: str
    images: Mapping[str, FileRef]
    mask: FileRef | None


def slices_of(images: Mapping[str, Path], rule: str, across: int | str, mask: Path | None = None) -> list[Slice]:
    """The slices that ``rule`` takes of volumes on one grid.

    Args:
        images: at least one, by canonical name; the first one's header gives the grid.
        across: the array axis, or ``axial``, ``coronal`` or ``sagittal``, found by the first volume's affine.

    Raises:
        UserError: a file is missing or damaged, the volumes' shapes differ, or see `chosen_slices`.
    """
    first, *others = images.values()
    shape = volume_shape(first)
    for path in others:
        if volume_shape(path) != shape:
            raise UserError(f"{path}: shape {volume_shape(path)}; {first.name} of the same study has {shape}")
    axis = volume_axis(first, across) if isinstance(across, str) else across
    width = len(str(shape[axis] - 1))
    return [
        Slice(
            f"#{index:0{width}d}",
            {name: FileRef(path, (axis, index)) for name, path in images.items()},
            None if mask is None else FileRef(mask, (axis, index)),
        )
        for index in chosen_slices(rule, first, axis, mask)
    ]


def problem(where: Path | str, error: UserError) -> Problem:
    """The error as a row's problem, without saying twice where it is."""
    return Problem(str(where), str(error).removeprefix(f"{where}: "))


def check_rule(rule: str) -> None:
    """Refuse a slice rule that is none, before any file is opened.

    Raises:
        UserError: see `slice_indices`.
    """
    slice_indices(rule, 0, [])


def folder_with(root: Path, places: tuple[str, ...], missed: str) -> Path:
    """The first of ``places`` below ``root`` (``""`` is root itself) that holds something named ``missed``.

    Args:
        missed: a file or folder name, or a pattern with ``*``, that only this data set has there.

    Raises:
        UserError: none of them; names ``missed``.
    """
    for place in places:
        folder = root / place
        if folder.is_dir() and next(folder.glob(missed), None) is not None:
            return folder
    raise UserError(f"{root}: there is no {missed}; give the folder into which the release was unpacked")
