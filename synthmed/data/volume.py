"""A volume on disk: where its voxels lie, and how a plane of it is read and turned."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from synthmed.data.pixels import MAX_VOLUME_BYTES, Pixels, check_file, check_plane
from synthmed.errors import UserError

MAX_SLICE_PIXELS = 2**24
MAX_LENGTH = 2**15
MAX_CHANNELS = 64
PLANES = ("sagittal", "coronal", "axial")
_CHUNK = 2**20


@dataclass(frozen=True)
class Volume:
    """A header's facts. Voxels lie in Fortran order (x fastest) from byte ``offset`` of ``data``, unpacked if ``gz``.

    Attributes:
        path: the file that a user knows, for messages.
        shape: (x, y, z) along the array's own axes.
        affine: 4 x 4, voxel to RAS millimetres.
        slope, intercept: a voxel's value is ``stored * slope + intercept``.
        channels: whole volumes that follow one another, the fourth axis.
    """

    path: Path
    data: Path
    gz: bool
    offset: int
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    affine: npt.NDArray[np.float64]
    slope: float = 1.0
    intercept: float = 0.0
    channels: int = 1

    def __post_init__(self) -> None:
        if min(*self.shape, self.channels) <= 0:
            raise UserError(f"{self.path}: shape {self.shape}; there is no image")
        size = self.shape[0] * self.shape[1] * self.shape[2] * self.channels * self.dtype.itemsize
        if size > MAX_VOLUME_BYTES:
            raise UserError(f"{self.path}: shape {self.shape} is {size} bytes; at most {MAX_VOLUME_BYTES} are read")
        if self.dtype.kind not in "iuf" or self.dtype.itemsize > 8:
            raise UserError(f"{self.path}: voxels of type {self.dtype}; numbers of up to 64 bits are read")
        if max(self.shape) > MAX_LENGTH or self.channels > MAX_CHANNELS:
            raise UserError(
                f"{self.path}: shape {self.shape} with {self.channels} channels; at most {MAX_LENGTH} along an axis "
                f"and {MAX_CHANNELS} channels are read"
            )
        x, y, z = self.shape
        for rows, columns in ((x, y), (x, z), (y, z)):
            check_plane(self.path, rows, columns, MAX_SLICE_PIXELS)
        linear = self.affine[:3, :3]
        # Orientation and spacing come from the affine, so that without one nothing is known of either.
        if not np.isfinite(linear).all() or np.linalg.matrix_rank(linear) < 3:
            raise UserError(f"{self.path}: its affine is singular or not finite")
        if not self.gz and check_file(self.data) < self.offset + size:
            raise UserError(f"{self.path}: truncated; its header declares {self.offset + size} bytes of voxels")


def read_plane(volume: Volume, plane: tuple[int, int] | None) -> Pixels:
    """One plane, (C, rows, columns) with the volume's channels, as it is shown.

    Axial: anterior on top, the patient's right on the left. Coronal: superior on top, right on the left. Sagittal:
    superior on top, anterior on the left. Which of them an oblique plane is follows from its nearest world axes.

    Args:
        plane: (axis, index) along the array's own axes; None for a volume of one slice.

    Raises:
        UserError: there is no such plane, the file is damaged, or ``plane`` is None and there are several.
    """
    if plane is None:
        if 1 not in volume.shape:
            raise UserError(f"{volume.path}: a volume of shape {volume.shape}; name a plane of it")
        plane = (2 - volume.shape[::-1].index(1), 0)
    axis, index = plane
    if axis not in (0, 1, 2) or not 0 <= index < volume.shape[axis]:
        raise UserError(f"{volume.path}: there is no plane {plane} in shape {volume.shape}")
    depth = volume.shape[2]
    if axis == 2:
        stored = np.stack(list(_slabs(volume, range(index, volume.channels * depth, depth))))
    else:
        lines = [slab.take(index, axis=axis) for slab in _slabs(volume, range(volume.channels * depth))]
        stored = np.stack(lines).reshape(volume.channels, depth, -1).transpose(0, 2, 1)
    if (volume.slope, volume.intercept) != (1.0, 0.0):
        # A slope that overflows shows as values that are not finite, which the caller reports.
        with np.errstate(over="ignore", invalid="ignore"):
            stored = (stored.astype(np.float64) * volume.slope + volume.intercept).astype(np.float32)
    values, spacing = shown(stored, axis, volume.affine)
    return Pixels(values, 0, "scanner", spacing)


def slices_above_zero(volume: Volume, axis: int) -> list[bool]:
    """Whether each slice across ``axis`` holds a stored value above 0; a slab of the volume is in memory at a time."""
    if axis not in (0, 1, 2):
        raise UserError(f"{volume.path}: there is no axis {axis}")
    depth = volume.shape[2]
    there = np.zeros(volume.shape[axis], dtype=bool)
    for z, slab in enumerate(_slabs(volume, range(volume.channels * depth))):
        if axis == 2:
            there[z % depth] |= (slab > 0).any()
        else:
            there |= (slab > 0).any(axis=1 - axis)
    return [bool(one) for one in there]


def axis_across(volume: Volume, plane: str) -> int:
    """The array axis nearest to the normal of ``axial``, ``coronal`` or ``sagittal`` slices."""
    if plane not in PLANES:
        raise UserError(f"plane {plane!r}: write {', '.join(PLANES)}")
    return [world for world, _ in _orientation(volume.affine)].index(PLANES.index(plane))


def _orientation(affine: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """For each array axis the world axis (R, A, S) nearest to it, and 1 or -1 for its direction."""
    from nibabel.orientations import io_orientation

    return [(int(world), int(direction)) for world, direction in io_orientation(affine)]


def shown(
    stored: np.ndarray[Any, Any], axis: int, affine: npt.NDArray[np.float64]
) -> tuple[np.ndarray[Any, Any], tuple[float, float]]:
    """(C, rows, columns) of a plane (C, first axis, second axis), and its (row, column) mm.

    Rows run along the higher of the two world axes (S before A before R), and both towards its negative end.
    """
    orientation = _orientation(affine)
    first, second = (a for a in range(3) if a != axis)
    rows, columns = (first, second) if orientation[first][0] > orientation[second][0] else (second, first)
    image = stored if rows == first else stored.transpose(0, 2, 1)
    image = image[:, :: -orientation[rows][1], :: -orientation[columns][1]]
    # The columns' norms: an oblique affine's diagonal is shorter than the voxel.
    norms = np.linalg.norm(affine[:3, :3], axis=0)
    return np.ascontiguousarray(image), (float(norms[rows]), float(norms[columns]))


def _slabs(volume: Volume, places: range) -> Iterator[np.ndarray[Any, Any]]:
    """The (x, y) arrays at each z of ``places``, ascending, in the machine's byte order; channels follow one another.

    In one pass, since going back in a gzip file means unpacking it anew.
    """
    x, y, _ = volume.shape
    size = x * y * volume.dtype.itemsize
    try:
        with gzip.open(volume.data) if volume.gz else open(volume.data, "rb") as file:
            reached = None
            for place in places:
                if place != reached:
                    file.seek(volume.offset + place * size)
                reached = place + 1
                slab = np.frombuffer(_exactly(file, size, volume.path), volume.dtype).reshape((x, y), order="F")
                yield slab.astype(volume.dtype.newbyteorder("="))
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{volume.path}: its voxels cannot be read ({reason})") from None


def _exactly(file: IO[bytes] | gzip.GzipFile, size: int, path: Path) -> bytearray:
    """``size`` bytes, by pieces, so that a header cannot ask for memory that the file does not fill."""
    content = bytearray()
    while missing := size - len(content):
        piece = file.read(min(missing, _CHUNK))
        if not piece:
            raise UserError(f"{path}: truncated; the voxels end {missing} bytes early")
        content += piece
    return content
