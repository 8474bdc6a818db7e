"""One given image: a file of any format that real data come in, or an array, in the modality's unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from synthmed.codec import decode_png
from synthmed.errors import UserError
from synthmed.fields import ImageField
from synthmed.modality import image_name

MAX_IMAGE_BYTES = 2**28
_PNG = b"\x89PNG\r\n\x1a\n"


def read_given(path: Path, name: str, where: str) -> np.ndarray[Any, Any]:
    """A given file's image (C, rows, columns) float32 in its modality's unit, or mask (1, rows, columns) uint8.

    A PNG's grey levels are as a shard stores them: the modality's range spread over the bit depth, CT as 16-bit
    HU + 1024. DICOM, NIfTI, MetaImage, JPEG, BMP and NumPy files are read as real data are
    (`synthmed.data.reading`): 2D ones, turned as they are shown; CT is in HU, MRI is stretched as in a training
    (`synthmed.data.transforms.defaults.mri_levels`).

    Raises:
        UserError: the file cannot be read, is a volume, or does not fit the name; begins with ``where``.
    """
    data = read_bytes(path, where)
    if data.startswith(_PNG):
        return _of_png(data, name, where)
    # The readers of real data bring a dozen libraries, which a PNG does not need.
    from synthmed.data.loading import in_range
    from synthmed.data.reading import read_array
    from synthmed.data.record import FileRef
    from synthmed.data.transforms.defaults import mri_levels

    try:
        pixels = read_array(FileRef(path))
        if image_name(name).mask:
            return _checked_mask(pixels.values, where)
        image = in_range(pixels, name)
        return np.asarray(mri_levels(name)({name: image})[name]) if image_name(name).modality == "mri" else image
    except UserError as error:
        raise UserError(f"{where}: {str(error).removeprefix(': ')}") from None


def read_bytes(path: Path, where: str) -> bytes:
    """A given file's bytes.

    Raises:
        UserError: it is missing or too large.
    """
    try:
        if path.stat().st_size > MAX_IMAGE_BYTES:
            raise UserError(f"{where} is over {MAX_IMAGE_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{where}: {error.strerror}") from None


def _of_png(data: bytes, name: str, where: str) -> np.ndarray[Any, Any]:
    levels = decode_png(data, where)
    if image_name(name).mask:
        if levels.dtype != np.uint8 or levels.shape[0] != 1:
            raise UserError(f"{where}: a mask is an 8-bit grey PNG")
        return levels
    field = ImageField.of(name)
    if levels.shape[0] != field.channels:
        kind = "grey" if field.channels == 1 else "RGB"
        raise UserError(f"{where}: {name} is {kind}; convert the PNG")
    if levels.dtype.itemsize * 8 != field.bits:
        if field.unit == "HU":
            raise UserError(f"{where}: CT is a 16-bit PNG of HU + 1024")
        top = float(np.iinfo(levels.dtype).max)
        return (levels / top * (field.high - field.low) + field.low).astype(np.float32)
    return field.dequantise(levels)


def _checked_mask(values: np.ndarray[Any, Any], where: str) -> np.ndarray[Any, Any]:
    whole = np.rint(values)
    if values.shape[0] != 1 or (whole != values).any() or whole.min() < 0 or whole.max() > 255:
        raise UserError(f"{where}: a mask is one channel of whole numbers from 0 to 255")
    return np.asarray(whole, np.uint8)
