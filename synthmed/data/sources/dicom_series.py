"""DICOM files put into stacks: the slices of a series that lie on one another, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from synthmed.data.dicom import DicomFacts, read_header
from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, Problem
from synthmed.errors import UserError


@dataclass(frozen=True)
class Stack:
    """Images of one series, of one size and orientation, sorted along their normal; or the frames of one file.

    Attributes:
        name: opaque: the series' keyed hash, with a number where the series has several stacks.
        facts: of the first image.
        images: in order; a single one where the file says no position.
    """

    name: str
    facts: DicomFacts
    images: tuple[FileRef, ...]


def stacks(paths: Iterable[Path]) -> Iterator[Stack | Problem]:
    """The stacks of these files, in the order in which their series first come; unreadable files are problems.

    Slices of a series with another orientation (a localiser's three planes) or size are a stack of their own. An image
    without position and orientation (a radiograph) is one too. Frames of a file keep the file's order.
    """
    series: dict[str, dict[object, list[tuple[Path, DicomFacts]]]] = {}
    for path in paths:
        try:
            facts = read_header(path)
        except UserError as error:
            yield Problem(str(path), str(error).removeprefix(f"{path}: "))
            continue
        # Files without a series go by their folder, whose name may be the patient's.
        name = facts.series or pseudonym("dicom folder", str(path.parent))
        series.setdefault(name, {}).setdefault(_grid(path, facts), []).append((path, facts))
    for name, grids in series.items():
        for number, files in enumerate(grids.values()):
            # One place may hold several echoes or phases; then the file's name decides.
            files.sort(key=lambda file: (file[1].position or 0.0, str(file[0])))
            path, facts = files[0]
            images = [FileRef(path) for path, _ in files]
            if facts.frames > 1:
                images = [FileRef(path, (0, frame)) for frame in range(facts.frames)]
            yield Stack(f"{name}.{number}" if len(grids) > 1 else name, facts, tuple(images))


def _grid(path: Path, facts: DicomFacts) -> object:
    if facts.frames > 1 or facts.position is None or facts.orientation is None:
        return path
    # Scanners write cosines with rounding errors of their own.
    return facts.rows, facts.columns, tuple(round(cosine, 2) + 0.0 for cosine in facts.orientation)
