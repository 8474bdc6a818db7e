"""What a file's image is once read, and the bounds that are checked before anything is."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from synthmed.errors import UserError

# A whole-body CT of 512 x 512 x 2000 in 16 bits is 2**30 bytes.
MAX_FILE_BYTES = 2**31
MAX_VOLUME_BYTES = 2**30
MAX_PLANE_PIXELS = 2**26


@dataclass(frozen=True)
class Pixels:
    """One image as its file holds it, turned as it is shown.

    Attributes:
        values: (C, rows, columns), C = 1 or 3, in the file's own type; float32 where a rescale was applied.
        bits: the stored bits of a level, so that ``2**bits - 1`` is white; 0 where the unit is the scanner's.
        unit: ``"1"`` levels without one, ``"HU"`` Hounsfield units, ``"scanner"`` whatever the file means by them: a CT
            in NIfTI or MetaImage says nowhere that it is in HU, though by custom it is.
        spacing: (row, column) mm, None where the file does not say.
    """

    values: np.ndarray[Any, Any]
    bits: int
    unit: Literal["1", "HU", "scanner"]
    spacing: tuple[float, float] | None = None


def check_file(path: Path, limit: int = MAX_FILE_BYTES) -> int:
    """The size in bytes of a file that may be opened.

    Raises:
        UserError: missing, a loop of links, not a regular file (a pipe would hang), empty, or above ``limit`` bytes.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise UserError(f"{str(path)!r}: not a file name") from None
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: not a regular file")
    if not 0 < status.st_size <= limit:
        raise UserError(f"{path}: {status.st_size} bytes; between 1 and {limit} are read")
    return status.st_size


def check_plane(path: Path, rows: int, columns: int, limit: int = MAX_PLANE_PIXELS) -> None:
    """Refuse an image without pixels, or with more than ``limit``, by what its header declares.

    Raises:
        UserError: names the file and the size.
    """
    if rows <= 0 or columns <= 0:
        raise UserError(f"{path}: {rows} x {columns} pixels; there is no image")
    if rows * columns > limit:
        raise UserError(f"{path}: {rows} x {columns} pixels; at most {limit} in all are read")
