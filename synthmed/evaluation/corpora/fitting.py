"""Images, masks and boxes brought to a corpus's one size by the data room's own transforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose

from synthmed.data.transforms.boxes import move_boxes, pixel_map
from synthmed.data.transforms.defaults import fit
from synthmed.data.transforms.windows import HUWindowd, Window
from synthmed.errors import UserError
from synthmed.fields import ImageField
from synthmed.modality import MODALITIES, image_name
from synthmed.registry import resolve
from synthmed.sample import Box


def field_after(stored: ImageField, window: Window | None) -> ImageField:
    """How an image stands once a CT window is laid over it; other images stay as they are."""
    if window is None or image_name(stored.name).modality != "ct":
        return stored
    return replace(ImageField.of(stored.name, window=window), mask=stored.mask)


def fitting(field: ImageField, size: int | None, *, raw: bool) -> Compose:
    """The transforms of one image and its mask: its CT window, then ``size`` x ``size`` where one is asked for.

    Args:
        field: as it stands afterwards.
        raw: the image comes as a scanner or a camera gave it, so the modality's default pipeline does it, as in
            training; one that a generator made is only resized and padded.
    """
    name = field.name
    modality = MODALITIES.get(image_name(name).modality)
    steps: list[Any] = []
    if field.window is not None:
        steps.append(HUWindowd(name, field.window))
    if size is not None:
        if raw and modality.unit != "HU":
            pipeline: Any = resolve(modality.transforms)
            steps += pipeline([name], size).transforms
        else:
            steps += fit([name], size, field.low).transforms
    return Compose(steps)


def fitted(compose: Compose, item: Mapping[str, Any]) -> dict[str, Any]:
    """The transformed item.

    Raises:
        UserError: what a transform says to the user, out of the RuntimeErrors that MONAI wraps around it.
    """
    try:
        moved: dict[str, Any] = compose(dict(item))
    except RuntimeError as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError):
                raise cause from None
            cause = cause.__cause__
        raise
    return moved


def stack(arrays: Sequence[Any], keys: Sequence[str], what: str) -> Any:
    """Arrays of one shape as one.

    Raises:
        UserError: two of them differ in shape; names both rows.
    """
    for key, array in zip(keys, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise UserError(
                f"{what}: {keys[0]} is {tuple(arrays[0].shape)} and {key} {tuple(array.shape)}; give one size for all"
            )
    return np.stack(arrays)


def moved_boxes(boxes: Sequence[Box], image: MetaTensor) -> tuple[Box, ...]:
    """The boxes of that image where it was moved to, clipped; those wholly outside are left out."""
    before = torch.as_tensor(image.meta["original_affine"], dtype=torch.float64)
    now = torch.as_tensor(image.affine, dtype=torch.float64)
    if torch.equal(before, now):
        return tuple(boxes)
    corners = torch.tensor([(b.y, b.x, b.y + b.height, b.x + b.width) for b in boxes], dtype=torch.float64)
    moved, kept = move_boxes(corners, pixel_map(before, now), tuple(image.shape[1:]), 0.0)
    return tuple(
        replace(boxes[place], x=left, y=top, width=right - left, height=bottom - top)
        for place, (top, left, bottom, right) in zip(kept.tolist(), moved.tolist(), strict=True)
    )


def tensor(values: Any, key: str, window: Window | None = None) -> MetaTensor:
    """An array as the transforms take it, with the affine of its own pixels."""
    affine = torch.eye(4, dtype=torch.float64)
    meta: dict[str, Any] = {"filename_or_obj": key, "original_affine": affine.clone()}
    if window is not None:
        meta["window"] = window
    return MetaTensor(torch.from_numpy(values), affine=affine, meta=meta)
