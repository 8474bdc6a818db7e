"""The one reader of pixels: any file that a record points to, by its content, within bounds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from synthmed.codec import decode_png
from synthmed.data.pixels import Pixels, check_file
from synthmed.data.record import FileRef, Record
from synthmed.data.slices import slice_indices
from synthmed.data.volume import Volume, axis_across, read_plane, slices_above_zero
from synthmed.errors import UserError

__all__ = [
    "Pixels",
    "chosen_slices",
    "mask_slices",
    "read_array",
    "read_images",
    "read_to_the_end",
    "take_channel",
    "volume_axis",
    "volume_shape",
]

Kind = Literal["raster", "nifti", "dicom", "metaimage", "numpy"]
_RASTERS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")
# A DICOM file without its preamble begins with an element of group 0002 or 0008, little-endian.
_BARE_DICOM = re.compile(rb"[\x02\x08]\x00[\x00-\x1f]\x00")
_METAIMAGE = re.compile(rb"\s*(ObjectType|NDims|Comment)\s*=", re.IGNORECASE)
_HEAD = 352
MAX_TAR_BYTES = 2**40
MAX_PNG_BYTES = 2**28


def read_array(ref: FileRef) -> Pixels:
    """The pixels that ``ref`` points to, turned as they are shown.

    PNG, JPEG, BMP, NIfTI-1 and -2 (.gz too), DICOM, MetaImage, .npy and .npz, told apart by their content, whatever
    the file's ending. An EXIF orientation is not applied: a photograph's mask is aligned with the stored pixels.

    Raises:
        UserError: one line with file and reason: missing, damaged, too large, of another kind, without the plane or
            channel that is asked for, or with values that are not finite. No value of a DICOM header is in it.
    """
    try:
        pixels = _READERS[_kind(ref.path)](ref) if ref.span is None else _spanned(ref.path, *ref.span)
    except MemoryError:
        raise UserError(f"{ref.path}: does not fit into the memory that is left") from None
    if pixels.values.dtype.kind == "f" and (wrong := pixels.values.size - int(np.isfinite(pixels.values).sum())):
        raise UserError(f"{ref.path}: holds {wrong} values that are not finite")
    return take_channel(pixels, ref)


def take_channel(pixels: Pixels, ref: FileRef) -> Pixels:
    """The channel of the file's pixels that ``ref`` asks for; all of them where it names none.

    Raises:
        UserError: there is no such channel.
    """
    if ref.channel is None:
        return pixels
    if not 0 <= ref.channel < len(pixels.values):
        raise UserError(f"{ref.path}: there is no channel {ref.channel}; it has {len(pixels.values)}")
    values = pixels.values[ref.channel : ref.channel + 1]
    return Pixels(values, pixels.bits, pixels.unit, pixels.spacing)


def read_images(record: Record) -> dict[str, Pixels]:
    """A record's images by name. A file whose channels are several of them is decoded once.

    Raises:
        UserError: see `read_array`.
    """
    files: dict[FileRef, Pixels] = {}
    images = {}
    for name, ref in record.images.items():
        whole = replace(ref, channel=None)
        if whole not in files:
            files[whole] = read_array(whole)
        images[name] = take_channel(files[whole], ref)
    return images


def volume_shape(path: Path) -> tuple[int, int, int]:
    """(x, y, z): the lengths of a volume's own array axes, from its header alone.

    A DICOM file is (columns, rows, frames).

    Raises:
        UserError: as `read_array`; or not a NIfTI, MetaImage or DICOM file.
    """
    if _kind(path) == "dicom":
        from synthmed.data.dicom import read_header

        facts = read_header(path)
        return facts.columns, facts.rows, facts.frames
    return _volume(path).shape


def volume_axis(path: Path, plane: str) -> int:
    """The array axis that ``axial``, ``coronal`` or ``sagittal`` slices lie across, by the volume's affine.

    Raises:
        UserError: as `read_array`; no such plane; or not a NIfTI or MetaImage file.
    """
    return axis_across(_volume(path), plane)


def mask_slices(path: Path, axis: int) -> list[bool]:
    """Whether each slice across array axis ``axis`` of a mask holds a value above 0. Reads the whole mask.

    Raises:
        UserError: as `read_array`; or not a NIfTI or MetaImage file.
    """
    return slices_above_zero(_volume(path), axis)


def read_to_the_end(path: Path) -> None:
    """Unpack a gzip volume to its end, which planes before a cut do not need; any other file's size tells.

    Raises:
        UserError: as `read_array`.
    """
    if _kind(path) == "nifti" and (volume := _volume(path)).gz:
        slices_above_zero(volume, 2)


def chosen_slices(rule: str, path: Path, axis: int, mask: Path | None = None) -> list[int]:
    """The indices of a volume's slices that `synthmed.data.slices.slice_indices` takes across array axis ``axis``.

    The mask's voxels are read under a ``mask`` rule alone, its header always.

    Raises:
        UserError: as `read_array`; no such rule; a ``mask`` rule without a mask; or a mask of another shape.
    """
    shape = volume_shape(path)
    if mask is not None and volume_shape(mask) != shape:
        raise UserError(f"{mask}: shape {volume_shape(mask)}; its image {path.name} has {shape}")
    in_mask = mask_slices(mask, axis) if mask is not None and rule.startswith("mask") else None
    return slice_indices(rule, shape[axis], in_mask)


def _kind(path: Path) -> Kind:
    check_file(path)
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    if head.startswith(_RASTERS):
        return "raster"
    if head[128:132] == b"DICM" or _BARE_DICOM.match(head):
        return "dicom"
    if head.startswith((b"\x93NUMPY", b"PK\x03\x04")):
        return "numpy"
    # Whether a gzip file is NIfTI shows once it is opened.
    if head.startswith(b"\x1f\x8b") or head[344:347] in (b"n+1", b"ni1") or head[4:7] in (b"n+2", b"ni2"):
        return "nifti"
    if _METAIMAGE.match(head):
        return "metaimage"
    raise UserError(f"{path}: neither PNG, JPEG, BMP, NIfTI, DICOM, MetaImage nor NumPy by its content")


def _volume(path: Path) -> Volume:
    kind = _kind(path)
    if kind == "nifti":
        from synthmed.data.nifti import nifti_volume

        return nifti_volume(path)
    if kind == "metaimage":
        from synthmed.data.metaimage import metaimage_volume

        return metaimage_volume(path)
    raise UserError(f"{path}: not a volume; NIfTI and MetaImage are")


def _spanned(path: Path, offset: int, length: int) -> Pixels:
    """A PNG that lies within another file, a shard's tar."""
    size = check_file(path, MAX_TAR_BYTES)
    if offset < 0 or not 0 < length <= MAX_PNG_BYTES or offset + length > size:
        raise UserError(f"{path}: no PNG of {length} bytes at {offset}; the file has {size}")
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            levels = decode_png(file.read(length), f"{path}: bytes {offset} to {offset + length}")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    return Pixels(levels, 8 * levels.dtype.itemsize, "1")


def _raster(ref: FileRef) -> Pixels:
    from synthmed.data.raster import read_raster

    return read_raster(_flat(ref))


def _dicom(ref: FileRef) -> Pixels:
    from synthmed.data.dicom import read_frame

    if ref.plane is not None and ref.plane[0] != 0:
        raise UserError(f"{ref.path}: a DICOM frame is plane (0, frame), not {ref.plane}")
    return read_frame(ref.path, None if ref.plane is None else ref.plane[1])


def _numpy(ref: FileRef) -> Pixels:
    from synthmed.data.numpy_file import read_numpy

    return read_numpy(ref.path, ref.plane)


def _plane(ref: FileRef) -> Pixels:
    return read_plane(_volume(ref.path), ref.plane)


def _flat(ref: FileRef) -> Path:
    if ref.plane is not None:
        raise UserError(f"{ref.path}: a 2D file has no plane {ref.plane}")
    return ref.path


_READERS: dict[Kind, Callable[[FileRef], Pixels]] = {
    "raster": _raster,
    "nifti": _plane,
    "dicom": _dicom,
    "metaimage": _plane,
    "numpy": _numpy,
}
