"""Arrays of .npy and .npz files. Nothing in them is unpickled."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from synthmed.data.pixels import MAX_VOLUME_BYTES, Pixels, check_plane
from synthmed.errors import UserError


def read_numpy(path: Path, plane: tuple[int, int] | None) -> Pixels:
    """(C, rows, columns) from an array (rows, columns), (C, rows, columns) or (rows, columns, C) with C = 1 or 3.

    Where both the first and the last axis could be colours, the first is. uint8 and uint16 are levels without a unit;
    other types are the scanner's.

    Args:
        plane: (axis, index) of a volume (3 axes), whose plane keeps the order of the other two as rows and columns.

    Raises:
        UserError: damaged, too large, objects or text, several arrays in one .npz, or axes that are not an image's.
    """
    try:
        if zipfile.is_zipfile(path):
            array = _member(path)
        else:
            with open(path, "rb") as file:
                array = _array(file, path)
    except UserError:
        raise
    # numpy and zipfile raise ValueError, BadZipFile, EOFError, zlib.error, NotImplementedError, SyntaxError and more
    # on damaged bytes; all mean the same to the user.
    except Exception as error:
        raise UserError(f"{path}: damaged NumPy file ({type(error).__name__})") from None
    image = _image(array, plane, path)
    check_plane(path, *image.shape[1:])
    bits = {"u1": 8, "u2": 16}.get(image.dtype.str[1:], 0)
    return Pixels(np.ascontiguousarray(image), bits, "1" if bits else "scanner")


def _member(path: Path) -> np.ndarray[Any, Any]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if len(names) != 1:
            raise UserError(f"{path}: holds {len(names)} arrays; one is wanted")
        with archive.open(names[0]) as member:
            return _array(member, path)


def _array(file: IO[bytes], path: Path) -> np.ndarray[Any, Any]:
    """The array behind its header, which is looked at before any of it is read."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, fortran, dtype = read(file)
    if dtype.kind not in "iufb" or dtype.itemsize > 8:
        raise UserError(f"{path}: holds {dtype.kind!r} values; numbers of up to 64 bits are read")
    size = dtype.itemsize
    for length in shape:
        size *= length
    if not 0 < size <= MAX_VOLUME_BYTES:
        raise UserError(f"{path}: shape {shape} is {size} bytes; between 1 and {MAX_VOLUME_BYTES} are read")
    buffer = io.BytesIO()
    while buffer.tell() < size and (piece := file.read(min(size - buffer.tell(), 2**20))):
        buffer.write(piece)
    if buffer.tell() < size:
        raise UserError(f"{path}: truncated; {buffer.tell()} of {size} bytes")
    array = np.frombuffer(buffer.getbuffer(), dtype).reshape(shape, order="F" if fortran else "C")
    kind = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
    native: np.ndarray[Any, Any] = array.astype(kind, copy=False)
    return native


def _image(array: np.ndarray[Any, Any], plane: tuple[int, int] | None, path: Path) -> np.ndarray[Any, Any]:
    if plane is not None:
        axis, index = plane
        if array.ndim != 3 or axis not in (0, 1, 2) or not 0 <= index < array.shape[axis]:
            raise UserError(f"{path}: there is no plane {plane} in shape {array.shape}")
        taken: np.ndarray[Any, Any] = array.take(index, axis=axis)
        return taken[None]
    if array.ndim == 2:
        return array[None]
    if array.ndim == 3 and array.shape[0] in (1, 3):
        return array
    if array.ndim == 3 and array.shape[2] in (1, 3):
        return array.transpose(2, 0, 1)
    raise UserError(f"{path}: shape {array.shape}; an image has 2 axes, and 1 or 3 channels; name a volume's plane")
