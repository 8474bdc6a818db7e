"""PNG, JPEG and BMP."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from synthmed.data.pixels import Pixels, check_file, check_plane
from synthmed.errors import UserError

_MAX_BYTES = 2**28
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I")
_GREY = ("1", "L", "LA", "La")


def read_raster(path: Path) -> Pixels:
    """(1 or 3, rows, columns) uint8, or uint16 for 16-bit grey PNG; alpha is dropped, palettes and CMYK become RGB.

    Raises:
        UserError: damaged, larger than its bounds, or 16-bit colour, of which Pillow would keep 8 bits.
    """
    from PIL import Image

    check_file(path, _MAX_BYTES)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    if data.startswith(b"\x89PNG") and data[24:26] in (b"\x10\x02", b"\x10\x04", b"\x10\x06"):
        raise UserError(f"{path}: 16-bit colour, or 16-bit grey with alpha; 16 bits are read for grey alone")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "BMP"]) as image:
            check_plane(path, image.height, image.width)
            array = _array(image)
    except UserError:
        raise
    # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, IndexError, its own bomb errors and
    # more on damaged bytes; all mean the same to the user.
    except Exception as error:
        raise UserError(f"{path}: damaged image ({type(error).__name__})") from None
    values = array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))
    return Pixels(values, values.dtype.itemsize * 8, "1")


def _array(image: Any) -> np.ndarray[Any, Any]:
    if image.mode in _SIXTEEN:
        return np.asarray(image).astype(np.uint16)
    wanted = "L" if image.mode in _GREY else "RGB"
    return np.array(image if image.mode == wanted else image.convert(wanted))
