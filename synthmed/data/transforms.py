"""MONAI transforms that bring an image file into the form in which a `Sample` holds that modality."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch
from monai.data import MetaTensor, NibabelReader, PILReader
from monai.transforms import Compose, MapTransform, Orientation
from nibabel.filebasedimages import ImageFileError
from PIL import Image as PillowImage

from synthmed.errors import UserError
from synthmed.modality import MODALITIES

Keys: TypeAlias = str | Sequence[str]
Scale: TypeAlias = Callable[[npt.NDArray[np.float32], int, str], npt.NDArray[np.float32]]

_PIXELS = (".png", ".jpg", ".jpeg", ".bmp")
_NIFTI = (".nii", ".nii.gz")
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I")
# How a slice is shown, rows first, by the axis (R, A, S) that it lies across.
_AXES = (("L", "R"), ("P", "A"), ("I", "S"))
_SHOWN = ("IPR", "ILA", "PLS")


def scale_to_range(modality: str, keys: Keys) -> Compose:
    """Load files of a modality whose values are [0, 1] (xray, mri, photo).

    8-bit pixels are divided by 255 and 16-bit ones by 65535; a NIfTI slice, whose unit is the scanner's, is stretched
    from its own minimum and maximum. Each key's path becomes a `MetaTensor` (C, rows, columns) float32.

    Raises:
        UserError: no such modality. When a file is loaded: see `LoadSliced`.
    """
    return Compose([LoadSliced(keys, MODALITIES.get(modality).channels, _to_unit)])


def clip_to_range(modality: str, keys: Keys) -> Compose:
    """Load files of a modality in Hounsfield units (ct) and clip them to its range.

    A NIfTI slice holds HU; a 16-bit PNG holds HU + 1024, as shards do. Each key's path becomes a `MetaTensor`
    (1, rows, columns) float32.

    Raises:
        UserError: no such modality. When a file is loaded: see `LoadSliced`; or its pixels have 8 bits.
    """
    entry = MODALITIES.get(modality)
    return Compose([LoadSliced(keys, entry.channels, _Hounsfield(entry.low, entry.high))])


class LoadSliced(MapTransform):
    """Replace the path of a 2D image file by its pixels, (C, rows, columns) float32 whatever the file's format.

    MONAI's own `LoadImaged` gives pixel files as (columns, rows), tries further readers where one fails, and leaves a
    NIfTI slice in the order in which the scanner stored it. Here a NIfTI slice is turned as it is shown: an axial one
    has anterior on top and the patient's right on the left, a coronal or sagittal one has superior on top.

    Args:
        channels: 1 turns colour into grey; 3 turns grey and palettes into RGB.
        scale: from values, bits of a pixel (0 for NIfTI) and path to the modality's unit.

    Raises (MONAI's `Compose` wraps it in a RuntimeError):
        UserError: the file is missing, damaged, not PNG, JPEG, BMP or NIfTI, a volume, or 16-bit where RGB is wanted.
    """

    def __init__(self, keys: Keys, channels: int, scale: Scale) -> None:
        super().__init__(keys)
        self.channels = channels
        self.scale = scale

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with images in the place of paths."""
        loaded = dict(data)
        for key in self.key_iterator(loaded):
            loaded[key] = self._load(loaded[key])
        return loaded

    def _load(self, path: str | Path) -> MetaTensor:
        name = str(path).lower()
        if not name.endswith((*_PIXELS, *_NIFTI)):
            raise UserError(f"{path}: images are read from {', '.join((*_PIXELS, *_NIFTI))}")
        try:
            image, bits = _pixels(path, self.channels) if name.endswith(_PIXELS) else (_slice(path, self.channels), 0)
        except FileNotFoundError:
            raise UserError(f"{path}: no such file") from None
        except (OSError, SyntaxError, ValueError, EOFError, zlib.error, ImageFileError) as error:
            raise UserError(f"{path}: cannot be read ({error})") from None
        values = self.scale(image.numpy().astype(np.float32), bits, str(path))
        return MetaTensor(torch.from_numpy(values), affine=image.affine, meta={"filename_or_obj": str(path)})


class _Hounsfield:
    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high

    def __call__(self, values: npt.NDArray[np.float32], bits: int, path: str) -> npt.NDArray[np.float32]:
        if bits == 8:
            raise UserError(f"{path}: 8-bit pixels have lost their Hounsfield units; use NIfTI, or a PNG of HU + 1024")
        return np.clip(values + self.low if bits else values, self.low, self.high)


def _to_unit(values: npt.NDArray[np.float32], bits: int, path: str) -> npt.NDArray[np.float32]:
    if bits:
        return values / np.float32(2**bits - 1)
    low, high = values.min(), values.max()
    if not np.isfinite([low, high]).all():
        raise UserError(f"{path}: holds values that are not finite")
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _pixels(path: str | Path, channels: int) -> tuple[MetaTensor, int]:
    def convert(image: PillowImage.Image) -> PillowImage.Image:
        if channels == 3 and image.mode in _SIXTEEN:
            raise UserError(f"{path}: 16-bit grey pixels; a colour image has 8 bits a channel")
        return image if image.mode in _SIXTEEN else image.convert("RGB" if channels == 3 else "L")

    reader = PILReader(converter=convert, reverse_indexing=False)
    array, meta = reader.get_data(reader.read(path))
    image = array.transpose(2, 0, 1) if channels == 3 else array[None]
    return MetaTensor(torch.from_numpy(image.astype(np.int32)), affine=torch.eye(4)), 16 if meta[
        "mode"
    ] in _SIXTEEN else 8


def _slice(path: str | Path, channels: int) -> MetaTensor:
    reader = NibabelReader()
    array, meta = reader.get_data(reader.read(path))
    volume = array[..., None] if array.ndim == 2 else array
    if channels != 1 or volume.ndim != 3 or 1 not in volume.shape:
        raise UserError(
            f"{path}: shape {array.shape}; a grey slice (one axis of length 1) is wanted, so cut volumes first"
        )
    image = MetaTensor(torch.from_numpy(volume.astype(np.float32))[None], affine=torch.as_tensor(meta["affine"]))
    across = Orientation(as_closest_canonical=True, labels=_AXES)(image).shape[1:].index(1)
    return cast(MetaTensor, Orientation(_SHOWN[across], labels=_AXES)(image)[..., 0])
