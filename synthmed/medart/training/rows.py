"""The rows of one split as Med-Art's networks take them."""

from __future__ import annotations

from typing import Any

import torch
from monai.data import MetaTensor
from torch.utils.data import Dataset

from synthmed.data.datasets import RecordDataset
from synthmed.data.transforms.windows import HUWindowd
from synthmed.errors import UserError
from synthmed.medart.config import Config
from synthmed.modality import MODALITIES, image_name

_SLACK = 0.5
"""Augmentation may leave a range by so much of it; more means values that were never brought into it."""


class Rows(Dataset[dict[str, Any]]):
    """``image`` (channels, H, W) float32 in [-1, 1] and ``caption`` of the rows that have the model's image.

    Attributes:
        indices: of those rows in ``dataset``.
        dataset: of the recipe's pipelines.

    Args:
        config: the model's.
        channels: of the autoencoder; grey is repeated to three.
        pooled: the first image of a row counts, by name, whatever it shows: radiographs, MRI and photographs over
            [0, 1], CT over the window that its pipeline left it in.
    """

    def __init__(self, config: Config, channels: int, dataset: RecordDataset, *, pooled: bool = False) -> None:
        self.config, self.channels, self.dataset, self.pooled = config, channels, dataset, pooled
        self.indices = [place for place in range(len(dataset)) if self._field(place) is not None]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The row's item.

        Raises:
            UserError: the image is not of the model's size, or not in its range.
        """
        place = self.indices[index]
        item = self.dataset[place]
        field = self._field(place) or ""
        return {"image": self._image(item[field], field, str(item.get("key", ""))), "caption": self.caption(index)}

    def caption(self, index: int) -> str:
        """What the row is trained with; "" for none."""
        return self.dataset.rows[self.indices[index]].record.text or ""

    def spacing(self, most: int = 32) -> tuple[float, float] | None:
        """The median (row, column) mm of a pixel after the pipeline, of some rows that know theirs."""
        known = []
        for place in self.indices[:most] if not self.pooled else ():
            image = self.dataset[place][self.config.image]
            original = getattr(image, "meta", {}).get("original_affine")
            if original is not None and not torch.equal(torch.as_tensor(original)[:2, :2], torch.eye(2).to(original)):
                steps = image.affine[:2, :2].norm(dim=0)
                known.append((round(float(steps[0]), 4), round(float(steps[1]), 4)))
        return sorted(known)[len(known) // 2] if known else None

    def _field(self, place: int) -> str | None:
        images = self.dataset.rows[place].record.images
        if self.config.image in images:
            return self.config.image
        return min(images) if self.pooled and images else None

    def _image(self, image: torch.Tensor, field: str, where: str) -> torch.Tensor:
        rows, columns = self.config.pixels
        if image.ndim != 3 or len(image) not in (1, self.channels) or tuple(image.shape[1:]) != (rows, columns):
            raise UserError(
                f"{where}: {field} is {' x '.join(map(str, image.shape))} after the data's pipeline, the model's is "
                f"{self.channels} x {rows} x {columns}; set data.size, or end the pipeline with "
                "monai.transforms.Resized"
            )
        low, high = 0.0, 1.0
        if not self.pooled:
            low, high = self.config.value_range
            if MODALITIES.get(image_name(field).modality).unit == "HU":
                tracked = image if isinstance(image, MetaTensor) else MetaTensor(image)
                image, low, high = HUWindowd(field, (low, high))({field: tracked})[field], 0.0, 1.0
        unit = torch.as_tensor(image).as_subclass(torch.Tensor).to(torch.float32).sub(low).div(high - low)
        least, most = float(unit.min()), float(unit.max())
        if not (least >= -_SLACK and most <= 1 + _SLACK):  # not a number is in no range
            raise UserError(
                f"{where}: {field} has values from {least * (high - low) + low:g} to {most * (high - low) + low:g} "
                f"after the data's pipeline; the model takes {low:g} to {high:g}: add "
                "monai.transforms.ScaleIntensityRanged"
            )
        return (unit.clamp(0, 1) * 2 - 1).expand(self.channels, -1, -1).contiguous()
