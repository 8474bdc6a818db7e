"""The rows of one split as networks take them."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import torch
from monai.data import MetaTensor
from torch.utils.data import Dataset

from synthmed.data.datasets import RecordDataset
from synthmed.data.record import Record
from synthmed.data.transforms.windows import HUWindowd
from synthmed.errors import UserError
from synthmed.medm2g.config import TEXT, Config, FlowConfig
from synthmed.medm2g.training.order import LABELS
from synthmed.medm2g.values import value_range
from synthmed.modality import MODALITIES, image_name
from synthmed.prompts import worded
from synthmed.sample import NO_FINDING

_SLACK = 0.5
"""Augmentation may leave a range by so much of it; more means values that were never brought into it."""


class Rows(Dataset[dict[str, torch.Tensor]]):
    """Items of the recipe's pipelines, by field: images in [-1, 1], label maps uint8.

    Attributes:
        config: the model's.
        dataset: the recipe's.
        boxed: masks are made of boxes by the pipeline, so that every image has one.
    """

    def __init__(self, config: Config, dataset: RecordDataset, *, boxed: bool = False) -> None:
        self.boxed = boxed
        self.config = config
        self.dataset = dataset
        self._places = {field: flow for flow in config.images() for field in flow.fields}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """All fields of the model that the row has.

        Raises:
            UserError: an image is not of the model's size or in its range, or a label map has a label too many.
        """
        item = self.dataset[index]
        return {field: self._value(item, field, flow) for field, flow in self._places.items() if field in item}

    def field(self, index: int, field: str) -> torch.Tensor:
        """One field of a row that has it: (C, H, W) float32, or a label map (1, H, W) uint8."""
        return self._value(self.dataset[index], field, self._places[field])

    def record(self, index: int) -> Record:
        """The row's record."""
        return self.dataset.rows[index].record

    def text(self, index: int) -> str | None:
        """The row's report or caption."""
        return self.record(index).text or None

    def label_prompt(self, index: int, modality: str = TEXT) -> str | None:
        """The row's labels in the template's words; None where nobody labelled it.

        Args:
            modality: of an image that this prompt is to stand for: the labels are those that its images show, where the
                source tells (a slice beside a nodule does not show it), so that a prompt asks for what is seen.
        """
        record = self.record(index)
        known = [record.labels_by_image[name] for name in self._images(modality) if name in record.labels_by_image]
        labels = set().union(*known) if known else set(record.labels)
        return worded(self.config, sorted(labels - {NO_FINDING})) if labels else None

    def prompt(self, index: int, modality: str = TEXT) -> str | None:
        """The text, else the labels' prompt."""
        return self.text(index) or self.label_prompt(index, modality)

    def has(self, index: int, field: str) -> bool:
        """Whether the row has a field of the model: an image, a mask that the model knows, or a report."""
        record = self.record(index)
        if field == "report":
            return bool(record.text)
        name = image_name(field)
        if name.mask and self.boxed:
            return name.image in record.images
        return name.image in (record.masks if name.mask else record.images)

    def kinds(self, index: int) -> set[str]:
        """Of ``text``, ``labels`` and the model's modalities, those that the row has. A text's stand-in counts."""
        found = {flow.name for flow in self.config.images() if any(self.has(index, field) for field in images_of(flow))}
        if self.prompt(index) is not None:
            found.add(TEXT)
        if self.record(index).labels:
            found.add(LABELS)
        return found

    def counts(self) -> dict[frozenset[str], int]:
        """See `synthmed.medm2g.training.order.Counts`."""
        counts: Counter[frozenset[str]] = Counter()
        for index in range(len(self)):
            kinds = sorted(self.kinds(index))
            counts.update(frozenset(names) for size in (1, 2) for names in combinations(kinds, size))
        return dict(counts)

    def with_all(self, *kinds: str) -> list[int]:
        """The rows that have all of these."""
        return [index for index in range(len(self)) if self.kinds(index).issuperset(kinds)]

    def with_field(self, field: str) -> list[int]:
        """The rows that have a field."""
        return [index for index in range(len(self)) if self.has(index, field)]

    def _images(self, modality: str) -> tuple[str, ...]:
        return () if modality == TEXT else images_of(self.config.flow(modality))

    def _value(self, item: dict[str, Any], field: str, flow: FlowConfig) -> torch.Tensor:
        value = item[field]
        key = item.get("key", "")
        mask = field.endswith(".mask")
        channels, rows, columns = flow.pixels or (0, 0, 0)
        if tuple(value.shape) != (1 if mask else channels, rows, columns):
            wanted = f"{1 if mask else channels} x {rows} x {columns}"
            raise UserError(
                f"{key}: {field} is {' x '.join(map(str, value.shape))} after the data's pipeline, the model's is "
                f"{wanted}; set data.size, or end the pipeline with monai.transforms.Resized"
            )
        if mask:
            if int(value.max()) > len(flow.mask_names):
                raise UserError(f"{key}: {field} has label {int(value.max())} of {len(flow.mask_names)}")
            return torch.as_tensor(value).as_subclass(torch.Tensor).to(torch.uint8)
        return in_network_range(value, field, flow, str(key))


def stack(item: dict[str, torch.Tensor], flow: FlowConfig) -> torch.Tensor:
    """A modality's images side by side on the channels, C_m's input; those that the row lacks are black (-1)."""
    channels, rows, columns = flow.pixels or (0, 0, 0)
    black = torch.full((channels, rows, columns), -1.0)
    return torch.cat([item.get(field, black) for field in images_of(flow)])


def images_of(flow: FlowConfig) -> tuple[str, ...]:
    """A flow's fields without its masks."""
    return tuple(field for field in flow.fields if not field.endswith(".mask"))


def in_network_range(image: torch.Tensor, field: str, flow: FlowConfig, where: str) -> torch.Tensor:
    """An image in its modality's unit, or CT in [0, 1] over a window, in [-1, 1]; what is beyond is clipped.

    Raises:
        UserError: its values are in another range, or CT's own window does not contain the model's.
    """
    low, high = value_range(flow)
    if MODALITIES.get(flow.name).unit == "HU":
        if not isinstance(image, MetaTensor):
            image = MetaTensor(image)
        image, low, high = HUWindowd(field, (low, high))({field: image})[field], 0.0, 1.0
    unit = torch.as_tensor(image).as_subclass(torch.Tensor).to(torch.float32).sub(low).div(high - low)
    least, most = float(unit.min()), float(unit.max())
    if not (least >= -_SLACK and most <= 1 + _SLACK):  # not a number is in no range
        raise UserError(
            f"{where}: {field} has values from {least * (high - low) + low:g} to {most * (high - low) + low:g} after "
            f"the data's pipeline; the model takes {low:g} to {high:g}: add monai.transforms.ScaleIntensityRanged"
        )
    return unit.clamp(0, 1) * 2 - 1


def median_spacing(rows: Rows, flow: FlowConfig, most: int = 32) -> tuple[float, float] | None:
    """The median (row, column) mm of a pixel after the pipeline, over some rows that know theirs; None without any."""
    known = []
    for field in images_of(flow):
        for index in rows.with_field(field)[:most]:
            image = rows.dataset[index][field]
            original = getattr(image, "meta", {}).get("original_affine")
            if original is not None and not torch.equal(torch.as_tensor(original)[:2, :2], torch.eye(2).to(original)):
                steps = image.affine[:2, :2].norm(dim=0)
                known.append((round(float(steps[0]), 4), round(float(steps[1]), 4)))
    return sorted(known)[len(known) // 2] if known else None
