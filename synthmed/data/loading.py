"""Records to MONAI dictionaries: the step that reads pixels, for any MONAI dataset, cache and loader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.data import MetaTensor
from monai.transforms import Transform

from synthmed.data.pixels import Pixels
from synthmed.data.reading import read_array, read_images
from synthmed.data.record import FileRef, MaskRef, Record
from synthmed.data.rle import decode_rle
from synthmed.errors import UserError
from synthmed.modality import MODALITIES, Modality, image_name
from synthmed.sample import NO_FINDING


class LoadRecord(Transform):
    """Read a record's images and masks: the first transform of a pipeline over records.

    ``CacheDataset(records, Compose([LoadRecord(labels=…), …]))`` and MONAI's other datasets take it as it is. An item
    has what a `SyntheticDataset`'s has, so that the two mix: each image as a `MetaTensor` (C, rows, columns) float32 in
    its modality's range under its name (``xray``, ``mri.t2``), its mask, uint8 (1, rows, columns), under
    ``<image>.mask`` with values 1, 2, … in the order of ``mask_names``, both with a 4 × 4 affine in mm, kept as
    ``meta["original_affine"]`` too; ``report`` where the record has text; ``key``; and ``labels``, float32 with a 1 for
    each of ``labels`` that the record has. With ``box_image``, MONAI detection's ``box`` (n, 4) float32, (first row,
    first column, last row, last column), the last ones exclusive, and ``label`` (n,) int64 of that image's boxes.

    Pixels with stored bits are divided by their white; those in the scanner's unit are stretched from their own minimum
    and maximum; CT is clipped to its range in HU, or, where the record has a window, [0, 1] over that window, which is
    then ``meta["window"]``.

    Args:
        labels: the vocabulary of ``labels``; empty leaves the vector out.
        mask_names: the vocabulary of the masks; empty leaves masks out.
        box_image: whose boxes are wanted; "" for none.
        box_names: the vocabulary of the boxes' categories, whose places are the values of ``label``.

    Raises:
        UserError: a file cannot be read, a CT image has lost its HU and has no window, or a label is not in the
            vocabulary. MONAI's `Compose` wraps it in a RuntimeError.
    """

    def __init__(
        self,
        labels: Sequence[str] = (),
        mask_names: Sequence[str] = (),
        box_image: str = "",
        box_names: Sequence[str] = (),
    ) -> None:
        self.labels = tuple(labels)
        self.mask_names = tuple(mask_names)
        self.box_image = box_image
        self.box_names = tuple(box_names)

    def __call__(self, record: Record) -> dict[str, Any]:
        """The record's item."""
        item: dict[str, Any] = {"key": record.id}
        for name, pixels in read_images(record).items():
            affine = _affine(record.spacing.get(name) or pixels.spacing)
            window = record.window.get(name)
            values = in_range(pixels, name, window, str(record.images[name].path))
            item[name] = _tensor(values, affine, record.id)
            if window is not None:
                item[name].meta["window"] = window
            if self.mask_names and name in record.masks:
                mask = read_mask(record.masks[name], self.mask_names, values.shape[1:], record.id)
                item[f"{name}.mask"] = _tensor(mask, affine, record.id)
        if record.text is not None:
            item["report"] = record.text
        if self.labels:
            item["labels"] = self._vector(record)
        if self.box_image:
            item["box"], item["label"] = self._boxes(record)
        return item

    def _boxes(self, record: Record) -> tuple[torch.Tensor, torch.Tensor]:
        boxes = [box for box in record.boxes if box.image == self.box_image]
        for box in boxes:
            if box.category not in self.box_names:
                raise UserError(f"{record.id}: box {box.category!r} is not among {', '.join(self.box_names)}")
        corners = [(box.y, box.x, box.y + box.height, box.x + box.width) for box in boxes]
        places = [self.box_names.index(box.category) for box in boxes]
        return torch.tensor(corners, dtype=torch.float32).reshape(-1, 4), torch.tensor(places, dtype=torch.int64)

    def _vector(self, record: Record) -> torch.Tensor:
        vector = torch.zeros(len(self.labels))
        for label in record.labels:
            if label == NO_FINDING and label not in self.labels:
                continue
            if label not in self.labels:
                raise UserError(f"{record.id}: label {label!r} is not among {', '.join(self.labels)}")
            vector[self.labels.index(label)] = 1.0
        return vector


def in_range(
    pixels: Pixels, name: str, window: tuple[float, float] | None = None, where: str = ""
) -> npt.NDArray[np.float32]:
    """Pixels as a `Sample` holds an image of this name: (C, rows, columns) float32, C the modality's.

    Args:
        window: (low, high) HU of a CT image that has lost them.

    Raises:
        UserError: 8-bit CT without a window; names ``where``.
    """
    modality = MODALITIES.get(image_name(name).modality)
    values = _channels(pixels.values, modality.channels)
    if modality.unit == "HU" and window is None:
        if pixels.bits == 8 and pixels.unit != "HU":
            raise UserError(f"{where}: 8-bit CT has lost its HU; the record needs the window that it was shown in")
        hounsfield = values.astype(np.float32)
        if pixels.unit == "1":
            hounsfield += np.float32(modality.low)  # a 16-bit PNG holds HU + 1024, as shards do
        clipped: npt.NDArray[np.float32] = np.clip(hounsfield, modality.low, modality.high)
        return clipped
    if window is not None and pixels.unit == "HU":
        low, high = window
    elif pixels.bits:
        low, high = 0.0, float(2**pixels.bits - 1)
    else:
        low, high = float(values.min()), float(values.max())
    unit = np.clip((values.astype(np.float32) - low) / max(high - low, 1e-12), 0, 1)
    return _spread(unit, modality) if modality.unit != "HU" else unit


def read_mask(mask: MaskRef, names: Sequence[str], shape: tuple[int, ...], where: str) -> npt.NDArray[np.uint8]:
    """A record's mask as one label map: (1, rows, columns) uint8, value i + 1 for ``names[i]``, later names on top.

    Raises:
        UserError: a file cannot be read, is not of the image's shape, or a name is not in the vocabulary.
    """
    label_map = np.zeros((1, *shape), np.uint8)
    for stored, name in mask.names.items():
        if name not in names:
            raise UserError(f"{where}: mask {name!r} is not among {', '.join(names)}")
        label_map[_region(mask, stored, shape, where)] = names.index(name) + 1
    return label_map


def _region(mask: MaskRef, stored: int, shape: tuple[int, ...], where: str) -> npt.NDArray[np.bool_]:
    """Where one name's pixels are."""
    if mask.rle:
        regions = [decode_rle(text, shape[0], shape[1]) > 0 for text in mask.rle]
        united: npt.NDArray[np.bool_] = np.logical_or.reduce(regions)
        return united
    single = len(mask.files) == 1 and len(mask.names) >= 1
    ref: FileRef = mask.files[0] if single else mask.files[stored - 1]
    values = read_array(ref).values[:1]
    if values.shape[1:] != shape:
        raise UserError(f"{where}: mask {ref.path} is {values.shape[1:]}, its image {shape}")
    # One name alone: the file is a picture of that region, in whatever white.
    region: npt.NDArray[np.bool_] = values == stored if single and set(mask.names) != {1} else values > 0
    return region


def _channels(values: np.ndarray[Any, Any], channels: int) -> np.ndarray[Any, Any]:
    if len(values) == channels:
        return values
    if channels == 3:
        return np.repeat(values, 3, axis=0)
    # ITU-R BT.601 luma, as Pillow turns RGB into grey.
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.tensordot(weights, values.astype(np.float32), 1)[None]


def _spread(unit: npt.NDArray[np.float32], modality: Modality) -> npt.NDArray[np.float32]:
    low, high = np.float32(modality.low), np.float32(modality.high)
    return unit * (high - low) + low


def _tensor(values: np.ndarray[Any, Any], affine: torch.Tensor, name: str) -> MetaTensor:
    meta = {"filename_or_obj": name, "original_affine": affine.clone()}
    return MetaTensor(torch.from_numpy(values), affine=affine.clone(), meta=meta)


def _affine(spacing: tuple[float, float] | None) -> torch.Tensor:
    return torch.diag(torch.tensor([*(spacing or (1.0, 1.0)), 1.0, 1.0], dtype=torch.float64))
