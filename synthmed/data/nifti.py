"""NIfTI headers."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np

from synthmed.data.volume import Volume
from synthmed.errors import UserError

_HEADER_BYTES = 540
_MAX_OFFSET = 2**24


def nifti_volume(path: Path) -> Volume:
    """The facts of a NIfTI-1 or -2 file's header, gzip or not; a 2D image is a volume of one slice.

    A fourth axis, or a fifth behind a fourth of length 1, is the channels'.

    Nothing but the header is unpacked. The affine is the sform, else the qform, else the voxel sizes' own, as
    nibabel's ``get_best_affine`` takes it.

    Raises:
        UserError: not NIfTI, a header and image in two files, more axes, or a header that makes no sense.
    """
    # Here alone, since it takes a quarter of a second.
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    gz, head = _head(path)
    if head[344:347] == b"n+1":
        kind, size = Nifti1Header, 348
    elif head[4:7] == b"n+2":
        kind, size = Nifti2Header, 540
    elif head[344:347] == b"ni1" or head[4:7] == b"ni2":
        raise UserError(f"{path}: a header whose image is in another file; join the two into one .nii")
    else:
        raise UserError(f"{path}: not a NIfTI file by its content")
    try:
        header = kind.from_fileobj(io.BytesIO(head[:size]), check=False)
        shape = tuple(int(length) for length in header.get_data_shape())
        dtype = header.get_data_dtype()
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
        slope, intercept = header.get_slope_inter()
        offset = int(header.get_data_offset())
    # nibabel raises whatever a nonsensical field leads to: its own errors, KeyError, ValueError, OverflowError …
    except Exception:
        raise UserError(f"{path}: damaged NIfTI header") from None
    lengths = (*shape, *[1] * 7)[:7]
    channels = lengths[3] * lengths[4]
    if len(shape) < 2 or channels not in lengths[3:5] or lengths[5:] != (1, 1):
        raise UserError(f"{path}: {len(shape)} axes, shape {shape}; images and volumes have 2 or 3, and channels")
    if not size <= offset <= _MAX_OFFSET:
        raise UserError(f"{path}: its voxels begin at byte {offset}; damaged NIfTI header")
    slope, intercept = (1.0, 0.0) if slope is None else (float(slope), float(intercept))
    if not math.isfinite(slope) or not math.isfinite(intercept):
        raise UserError(f"{path}: its scale is not finite")
    x, y, z = lengths[:3]
    return Volume(path, path, gz, offset, (x, y, z), dtype, affine, slope, intercept, channels)


def _head(path: Path) -> tuple[bool, bytes]:
    """Whether the file is gzip, and its first unpacked bytes."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEADER_BYTES)
        if head[:2] != b"\x1f\x8b":
            return False, head
        with gzip.open(path) as unpacked:
            return True, unpacked.read(_HEADER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
