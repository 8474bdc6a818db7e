"""Between a `Sample`'s units and the networks' [-1, 1], for images that a user gives and that a model makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from synthmed.errors import UserError
from synthmed.medm2g.config import FlowConfig
from synthmed.modality import MODALITIES, image_name


def to_network(flow: FlowConfig, field: str, value: npt.NDArray[Any]) -> torch.Tensor:
    """A given image (C, H, W) in its modality's unit, or label map (1, H, W) uint8, at the model's size.

    As `synthmed.data.transforms.defaults.fit` shows images to a training: the longer side fills the model's, and the
    shorter one is padded on both sides, with the lowest value or background. Images are resized by area-aware bilinear
    interpolation, label maps by the nearest pixel.

    Returns:
        Images (1, C, H, W) float32 in [-1, 1]; label maps (1, 1, H, W) uint8.

    Raises:
        UserError: another number of channels, a value that is not finite, or a label that the model does not know.
    """
    channels, rows, columns = flow.pixels or (0, 0, 0)
    array = np.asarray(value)
    mask = field.endswith(".mask")
    if array.ndim != 3 or array.shape[0] != (1 if mask else channels) or 0 in array.shape:
        raise UserError(f"given {field}: shape {array.shape}; it is ({1 if mask else channels}, rows, columns)")
    if mask:
        if array.max() > len(flow.mask_names):
            known = ", ".join(f"{place + 1} {name}" for place, name in enumerate(flow.mask_names))
            raise UserError(f"given {field}: label {int(array.max())}; the model knows 0, {known}")
        labels = torch.from_numpy(array.astype(np.uint8))[None]
        return _fitted(labels.float(), (rows, columns), mode="nearest-exact").to(torch.uint8)
    if not np.isfinite(array).all():
        raise UserError(f"given {field}: holds values that are not finite")
    low, high = value_range(flow)
    unit = torch.from_numpy(array.astype(np.float32))[None].sub(low).div(high - low).clamp(0, 1)
    return _fitted(unit, (rows, columns), mode="bilinear", antialias=True).clamp(0, 1) * 2 - 1


def _fitted(image: torch.Tensor, size: tuple[int, int], **how: Any) -> torch.Tensor:
    """(1, C, H, W) as large as fits into ``size``, in its middle, 0 around it."""
    share = min(wanted / there for wanted, there in zip(size, image.shape[2:], strict=True))
    inner = [min(wanted, max(1, round(there * share))) for wanted, there in zip(size, image.shape[2:], strict=True)]
    if inner != list(image.shape[2:]):
        image = nn.functional.interpolate(image, inner, **how)
    rows, columns = (wanted - there for wanted, there in zip(size, inner, strict=True))
    return nn.functional.pad(image, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def from_network(flow: FlowConfig, image: torch.Tensor) -> npt.NDArray[np.float32]:
    """Images in [-1, 1] in their modality's unit and range."""
    low, high = value_range(flow)
    values = (image.float() + 1) / 2 * (high - low) + low
    result: npt.NDArray[np.float32] = values.clamp(low, high).cpu().numpy()
    return result


def value_range(flow: FlowConfig) -> tuple[float, float]:
    """What -1 and 1 stand for: the flow's window in HU, else the modality's range."""
    if flow.window is not None:
        return flow.window
    modality = MODALITIES.get(image_name(flow.fields[0]).modality)
    return modality.low, modality.high
