"""What a data set holds, gathered in one pass: counts, sizes, intensities, texts, what cannot be read, what leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from synthmed.data.identity import pixel_id
from synthmed.data.leaks import Leak, LeakFinder
from synthmed.data.pixels import Pixels
from synthmed.data.reading import read_array, read_images, read_to_the_end
from synthmed.data.record import Problem, Record
from synthmed.errors import UserError
from synthmed.modality import image_name
from synthmed.report.grid import grey_levels

PICTURES = 64
"""Pictures of each kind that are kept for the contact sheet."""
CT_SHOWN = (-1000.0, 400.0)


@dataclass
class ImageFacts:
    """Of all images of one name.

    Attributes:
        sizes: (rows, columns) to how many.
        units: (unit, bits) to how many.
        spacings: (row, column) mm, None where the file does not say.
        ranges: (n, 5): least, 1st, 50th and 99th percentile and greatest value of each image.
        pictures: some of them, (H, W, 3) uint8, drawn evenly from all.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    units: Counter[tuple[str, int]] = field(default_factory=Counter)
    spacings: Counter[tuple[float, float] | None] = field(default_factory=Counter)
    ranges: list[npt.NDArray[np.float64]] = field(default_factory=list)
    pictures: list[npt.NDArray[np.uint8]] = field(default_factory=list)

    def add(self, name: str, pixels: Pixels, spacing: tuple[float, float] | None, rng: np.random.Generator) -> None:
        """Count one image; it is kept for the sheet by reservoir sampling."""
        values = pixels.values
        self.sizes[values.shape[1], values.shape[2]] += 1
        self.units[pixels.unit, pixels.bits] += 1
        known = spacing or pixels.spacing
        self.spacings[None if known is None else (round(known[0], 3), round(known[1], 3))] += 1
        self.ranges.append(np.percentile(values, (0, 1, 50, 99, 100)))
        place = len(self.pictures) if len(self.pictures) < PICTURES else int(rng.integers(len(self.ranges)))
        if place < PICTURES:
            self.pictures[place : place + 1] = [_shown(name, pixels, self.ranges[-1])]


@dataclass
class Inspection:
    """Everything that `synthmed data check` tells.

    Attributes:
        splits: records by split; ``patients`` the distinct ones of each.
        labels: by (label, split).
        words: word counts of the texts, by kind.
        masks, boxes: how many records have them, by image name or category.
        licences: by (licence, whether weights trained on the row may be given away).
        repeats: groups of records whose pixels are the same.
        leaks: between the splits.
        problems: what gave no record, or a record that cannot be read.
    """

    splits: Counter[str] = field(default_factory=Counter)
    patients: dict[str, set[str]] = field(default_factory=dict)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    images: dict[str, ImageFacts] = field(default_factory=dict)
    words: dict[str, list[int]] = field(default_factory=dict)
    masks: Counter[str] = field(default_factory=Counter)
    boxes: Counter[str] = field(default_factory=Counter)
    licences: Counter[tuple[str, bool]] = field(default_factory=Counter)
    repeats: list[list[str]] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def inspect(rows: Iterable[Record | Problem], on_record: Callable[[], None] = lambda: None) -> Inspection:
    """Read every image and mask of a source's rows, and count.

    Args:
        on_record: called after each record, for a progress bar.
    """
    found = Inspection()
    rng = np.random.default_rng(0)
    finder = LeakFinder()
    by_pixels: dict[str, list[str]] = {}
    whole: set[Path] = set()
    for row in rows:
        if isinstance(row, Problem):
            found.problems.append(row)
        elif (images := _read(row, found, by_pixels, whole, rng)) is not None:
            _count(row, found)
            finder.add(row.split, row, images)
        on_record()
    found.repeats = [names for names in by_pixels.values() if len(names) > 1]
    found.leaks = finder.leaks()
    return found


def _read(
    record: Record,
    found: Inspection,
    by_pixels: dict[str, list[str]],
    whole: set[Path],
    rng: np.random.Generator,
) -> dict[str, Pixels] | None:
    """The record's images, counted; None where one of them, or a mask, cannot be read.

    ``whole`` are the volumes that were read to their end.
    """
    try:
        for path in {ref.path for ref in record.images.values() if ref.plane is not None} - whole:
            read_to_the_end(path)
            whole.add(path)
        images = read_images(record)
        for name, mask in record.masks.items():
            for ref in mask.files:
                shape = read_array(ref).values.shape[1:]
                if name in images and shape != images[name].values.shape[1:]:
                    raise UserError(f"{ref.path}: {shape}, but its image is {images[name].values.shape[1:]}")
    except UserError as error:
        found.problems.append(Problem(record.id, str(error)))
        return None
    for name, pixels in images.items():
        found.images.setdefault(name, ImageFacts()).add(name, pixels, record.spacing.get(name), rng)
        by_pixels.setdefault(pixel_id(pixels.values), []).append(record.id)
    return images


def _count(record: Record, found: Inspection) -> None:
    found.splits[record.split] += 1
    if record.patient:
        found.patients.setdefault(record.split, set()).add(record.patient)
    found.labels.update((label, record.split) for label in record.labels)
    if record.text is not None:
        found.words.setdefault(record.text_kind or "text", []).append(len(record.text.split()))
    found.masks.update(record.masks.keys())
    found.boxes.update(box.category for box in record.boxes)
    found.licences[record.licence or "not said", record.shippable] += 1


def _shown(name: str, pixels: Pixels, percentiles: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    # A CT volume's file does not say that its unit is HU.
    if pixels.unit == "HU" or (pixels.unit == "scanner" and image_name(name).modality == "ct"):
        low, high = CT_SHOWN
    elif pixels.bits:
        low, high = 0.0, float(2**pixels.bits - 1)
    else:
        low, high = float(percentiles[1]), float(percentiles[3])
    # A quarter of a megapixel is more than a cell of the sheet shows.
    step = max(1, max(pixels.values.shape[1:]) // 512)
    return grey_levels(pixels.values[:, ::step, ::step].astype(np.float32), low, high)
