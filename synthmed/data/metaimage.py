"""MetaImage headers (.mhd with .raw, .mha): https://itk.org/Wiki/ITK/MetaIO/Documentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from synthmed.data.volume import Volume
from synthmed.errors import UserError

_MAX_HEADER = 2**16
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def metaimage_volume(path: Path) -> Volume:
    """The facts of a MetaImage header, whose voxels are behind it or in one raw file beside it.

    Raises:
        UserError: a key is missing or makes no sense, the voxels are compressed, in several channels or files, or in
            another folder.
    """
    keys, end = _keys(path)
    try:
        dimensions = int(keys["ndims"])
        shape = [int(length) for length in keys["dimsize"].split()]
        spacing = _floats(keys.get("elementspacing") or keys.get("elementsize"), [1.0] * dimensions)
        matrix = _floats(
            keys.get("transformmatrix") or keys.get("rotation") or keys.get("orientation"),
            list(np.eye(dimensions).ravel()),
        )
        origin = _floats(keys.get("offset") or keys.get("position") or keys.get("origin"), [0.0] * dimensions)
        header = int(keys.get("headersize", "0"))
        kind = _TYPES[keys["elementtype"].upper()]
        name = keys["elementdatafile"]
    except KeyError as error:
        raise UserError(f"{path}: no usable {str(error.args[0])[:40]} in its header") from None
    except ValueError:
        raise UserError(f"{path}: a number in its header is none") from None
    if dimensions not in (2, 3) or [len(shape), len(spacing), len(origin)] != [dimensions] * 3:
        raise UserError(f"{path}: {dimensions} axes, {len(shape)} lengths; images and volumes have 2 or 3")
    if len(matrix) != dimensions**2:
        raise UserError(f"{path}: its TransformMatrix has {len(matrix)} numbers")
    if keys.get("compresseddata", "").lower() == "true" or keys.get("elementnumberofchannels", "1") != "1":
        raise UserError(f"{path}: compressed or of several channels; write it anew, uncompressed, a channel a file")
    affine = np.eye(4)
    # The file has a row for each axis' direction; an affine has a column.
    direction = np.eye(3)
    direction[:dimensions, :dimensions] = np.reshape(matrix, (dimensions, dimensions)).T
    affine[:3, :3] = _LPS_TO_RAS @ direction @ np.diag((*spacing, 1.0)[:3])
    affine[:3, 3] = _LPS_TO_RAS @ np.array((*origin, 0.0)[:3])
    big = (keys.get("binarydatabyteordermsb") or keys.get("elementbyteordermsb") or "").lower() == "true"
    dtype = np.dtype(kind).newbyteorder(">" if big else "<")
    x, y, z = (*shape, 1)[:3]
    data, offset = (path, end) if name.upper() == "LOCAL" else (_beside(path, name), 0)
    size = x * y * z * dtype.itemsize
    if header == -1 and data != path:
        offset = max(data.stat().st_size - size, 0)
    elif header > 0:
        offset = header
    return Volume(path, data, False, offset, (x, y, z), dtype, affine)


def _keys(path: Path) -> tuple[dict[str, str], int]:
    """The header's keys in lower case, and the byte behind it; ``ElementDataFile`` is its last line."""
    keys: dict[str, str] = {}
    try:
        with open(path, "rb") as file:
            while file.tell() < _MAX_HEADER and "elementdatafile" not in keys:
                line = file.readline(_MAX_HEADER)
                if not line:
                    break
                key, equals, value = line.decode("latin-1").partition("=")
                if equals:
                    keys[key.strip().lower()] = value.strip()
            return keys, file.tell()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def _floats(text: str | None, default: list[float]) -> list[float]:
    return default if text is None else [float(number) for number in text.split()]


def _beside(path: Path, name: str) -> Path:
    """The raw file, which must be in the header's own folder: a stranger's header opens nothing else."""
    if name in ("", ".", "..") or any(mark in name for mark in "/\\%") or name.upper().split()[0] == "LIST":
        raise UserError(f"{path}: ElementDataFile is not one file in the same folder")
    if not name.isprintable() or not path.with_name(name).is_file():
        raise UserError(f"{path}: its voxels' file {name[:100]!r} is not beside it")
    return path.with_name(name)
