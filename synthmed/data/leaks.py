"""What one split can tell a model about another: the same patient, the same picture, or nearly the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from synthmed.data.identity import pixel_id
from synthmed.data.pixels import Pixels
from synthmed.data.reading import read_images
from synthmed.data.record import Record

NEAR = 6
"""Of 256 bits: two pictures whose hashes differ in so many or fewer are near-duplicates, as in shared/data's README."""
_BLOCK = 1024


@dataclass(frozen=True)
class Leak:
    """Records on different sides that belong on one.

    Attributes:
        kind: the same ``patient``, the same ``pixels``, or a ``near-duplicate``.
        offenders: (split, record id) of each; those of a patient or picture stand together, near-duplicates in pairs.
        distance: differing bits of a near-duplicate's hashes.
    """

    kind: Literal["patient", "pixels", "near-duplicate"]
    offenders: tuple[tuple[str, str], ...]
    distance: int = 0

    def __str__(self) -> str:
        rows = ", ".join(f"{split} {name}" for split, name in self.offenders[:4])
        more = f" and {len(self.offenders) - 4} more" if len(self.offenders) > 4 else ""
        bits = f" ({self.distance} of 256 bits)" if self.kind == "near-duplicate" else ""
        return (
            f"same {self.kind}{bits}: {rows}{more}" if self.kind != "near-duplicate" else f"{self.kind}{bits}: {rows}"
        )


@dataclass(frozen=True)
class _Picture:
    split: str
    record: Record
    pixels: str
    bits: npt.NDArray[np.bool_] | None


class LeakFinder:
    """Gathers the records of all splits, one at a time with their pixels, and tells what leaks.

    Near-duplicates are looked for among images of the same name (``xray`` with ``xray``); a pair that a patient or
    equal pixels give away is not listed again.
    """

    def __init__(self) -> None:
        self._patients: dict[str, list[tuple[str, str]]] = {}
        self._pixels: dict[str, list[tuple[str, str]]] = {}
        self._pictures: dict[str, list[_Picture]] = {}

    def add(self, split: str, record: Record, images: Mapping[str, Pixels]) -> None:
        """Count a record in; only hashes of its pixels are kept."""
        if record.patient:
            self._patients.setdefault(record.patient, []).append((split, record.id))
        for name, pixels in images.items():
            picture = _Picture(split, record, pixel_id(pixels.values), difference_hash(pixels.values))
            self._pixels.setdefault(picture.pixels, []).append((split, record.id))
            self._pictures.setdefault(name, []).append(picture)

    def leaks(self) -> list[Leak]:
        """Patients first, then equal pixels, then near-duplicates."""
        leaks = [Leak("patient", tuple(rows)) for rows in self._patients.values() if _sides(rows) > 1]
        leaks += [Leak("pixels", tuple(dict.fromkeys(rows))) for rows in self._pixels.values() if _sides(rows) > 1]
        for same_name in self._pictures.values():
            if len({picture.split for picture in same_name}) > 1:
                leaks += _near(same_name)
        return leaks


def find_leaks(records_by_split: Mapping[str, Sequence[Record]]) -> list[Leak]:
    """All leaks between the splits; see `LeakFinder`. Every image is read.

    Raises:
        UserError: an image cannot be read; leave those out before.
    """
    finder = LeakFinder()
    for split, records in records_by_split.items():
        for record in records:
            finder.add(split, record, read_images(record))
    return finder.leaks()


def refusal(leaks: Sequence[Leak], *, shown: int = 5) -> str:
    """The message that refuses splits which leak: how many leaks, and the first ``shown`` with their offenders."""
    first = "; ".join(map(str, leaks[:shown]))
    rest = f"; and {len(leaks) - shown} more" if len(leaks) > shown else ""
    return f"{len(leaks)} leak(s) between splits: {first}{rest}; split by patient, or go on with --allow-leak"


def difference_hash(values: np.ndarray[Any, Any]) -> npt.NDArray[np.bool_] | None:
    """256 bits: whether each of 16 x 16 places is brighter than its right neighbour, in a 16 x 17 box-averaged copy.

    A difference hash (N. Krawetz, https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html) of
    16 rows in place of 8. It holds under a change of size, brightness, contrast and compression; it does not under
    flips, turns and crops.

    Args:
        values: (C, rows, columns); channels are averaged.

    Returns:
        (256,), or None for a flat picture, which every other flat one would resemble.
    """
    from PIL import Image

    grey = values.astype(np.float32).mean(axis=0)
    if grey.min() == grey.max():
        return None
    # Averages stay fractions: rounded to levels they miss pairs that differ in contrast.
    small = np.asarray(Image.fromarray(grey).resize((17, 16), Image.Resampling.BOX))
    bits: npt.NDArray[np.bool_] = (small[:, :-1] > small[:, 1:]).ravel()
    return bits


def _near(pictures: Sequence[_Picture]) -> Iterator[Leak]:
    """Pairs on two sides within `NEAR` bits, by blocks of a matrix product: of ±1 bits, a · b is 256 - 2 distance."""
    usable = [picture for picture in pictures if picture.bits is not None]
    if not usable:
        return
    signs = np.where(np.stack([picture.bits for picture in usable if picture.bits is not None]), 1, -1)
    signs = signs.astype(np.float32)
    sides = np.array([picture.split for picture in usable])
    for start in range(0, len(usable), _BLOCK):
        rows = slice(start, start + _BLOCK)
        # Sums of 256 times ±1 are exact in float32.
        distance = (256 - signs[rows] @ signs[start:].T) / 2
        close = (distance <= NEAR) & (sides[rows, None] != sides[None, start:])
        for i, j in np.argwhere(close):
            one, other = usable[start + i], usable[start + j]
            if j <= i or one.pixels == other.pixels:
                continue
            if one.record.patient and one.record.patient == other.record.patient:
                continue
            offenders = ((one.split, one.record.id), (other.split, other.record.id))
            yield Leak("near-duplicate", offenders, int(distance[i, j]))


def _sides(rows: Sequence[tuple[str, str]]) -> int:
    return len({split for split, _ in rows})
