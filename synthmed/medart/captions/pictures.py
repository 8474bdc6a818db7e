"""What there is to describe: a folder's, a file's or a data source's images, read when their turn comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthmed.data.inspection import CT_SHOWN
from synthmed.data.reading import read_array
from synthmed.data.record import FileRef, Problem
from synthmed.data.sources import SOURCES
from synthmed.data.sources.options import make_source
from synthmed.errors import UserError
from synthmed.modality import MODALITIES, image_name
from synthmed.report.grid import grey_levels


@dataclass(frozen=True)
class Wanted:
    """One image that wants a caption.

    Attributes:
        id: its name in its source, with the image's name after it where a record has several.
        ref: where its pixels are.
        image: the canonical image name, as ``photo`` or ``mri.flair``.
        labels: what the source says.
        window: (low, high) HU of CT that has lost them.
    """

    id: str
    ref: FileRef
    image: str
    labels: tuple[str, ...] = ()
    window: tuple[float, float] | None = None

    @property
    def whole(self) -> bool:
        """Whether the image is a file of its own: no slice, channel or part of one."""
        return self.ref.plane is None and self.ref.channel is None and self.ref.span is None


def find_pictures(
    images: Path, source: str, options: Mapping[str, Any], modality: str
) -> tuple[list[Wanted], list[Problem]]:
    """The images of a source's records, in its order, and what gives none.

    Args:
        images: the source's folder, or one image file.
        options: the source's.
        modality: given to a source that wants to be told, where ``options`` do not say it; "" leaves it its own.

    Raises:
        UserError: no such source, option or folder, or no image in it.
    """
    if images.is_file():
        return [Wanted(images.name, FileRef(images), modality or "photo")], []
    takes = {field.name for field in fields(SOURCES.get(source))}
    told = {"modality": modality} if modality and "modality" in takes else {}
    wanted: list[Wanted] = []
    problems: list[Problem] = []
    for record in make_source(source, {**told, **options}).records(images):
        if isinstance(record, Problem):
            problems.append(record)
            continue
        for name, ref in record.images.items():
            own = record.id if len(record.images) == 1 else f"{record.id}.{name}"
            wanted.append(Wanted(own, ref, name, record.labels, record.window.get(name)))
    if not wanted:
        first = f"; {problems[0]}" if problems else ""
        raise UserError(f"{images}: the source {source!r} finds no image in it{first}")
    return wanted, problems


def read_picture(wanted: Wanted) -> npt.NDArray[np.uint8]:
    """The image as it is shown: (H, W, 3) uint8.

    Stored levels from black to white; CT in HU over its window, else from -1000 to 400; what has the scanner's unit
    between its 1st and 99th percentile.

    Raises:
        UserError: the file cannot be read.
    """
    pixels = read_array(wanted.ref)
    modality = MODALITIES.get(image_name(wanted.image).modality)
    values = pixels.values.astype(np.float32)
    hounsfield = modality.unit == "HU" and pixels.bits != 8
    if hounsfield and pixels.unit == "1":
        values += np.float32(modality.low)  # a 16-bit PNG holds HU + 1024, as shards do
    if hounsfield:
        low, high = wanted.window or CT_SHOWN
    elif pixels.bits:
        low, high = 0.0, float(2**pixels.bits - 1)
    else:
        low, high = (float(level) for level in np.percentile(values, (1, 99)))
    return grey_levels(values, low, high)
