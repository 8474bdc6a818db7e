"""Samples as MONAI dictionaries: what a data loader of real images would give, under the same names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor

from synthmed.errors import UserError
from synthmed.fields import Layout
from synthmed.modality import image_name
from synthmed.sample import NO_FINDING, NOT_STATED, Sample


@dataclass(frozen=True)
class ItemBuilder:
    """Builds the item of a sample.

    An item holds, where the sample does: each image as a `MetaTensor` (C, H, W) float32 under its field name (``xray``,
    ``mri.t2``) and its mask, uint8 (1, H, W), under ``<image>.mask``, both with a 4 × 4 affine in mm whose axis 0 is
    rows; ``report``, ``prompt`` and ``key`` as strings; ``index`` as an integer; ``labels`` as a float32 vector with a
    1 for each of `label_names` that the patient has, all 0 for "no finding", all NaN for "not stated".

    With ``box_image``, also MONAI detection's ``box`` (n, 4) float32 and ``label`` (n,) int64 of that image's boxes.
    MONAI's boxes follow the tensor's axes: (first row, first column, last row, last column), the last ones exclusive;
    its anchors, its transforms and its box-to-mask conversions assume that. A ``label`` is a place in `box_names`.
    """

    layout: Layout
    label_names: tuple[str, ...]
    box_image: str = ""
    box_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, layout: Layout, to: Sequence[str], labels: Sequence[str], boxes: bool | str) -> ItemBuilder:
        """With the boxes of the first image of ``to`` (``boxes=True``), of a named one, or none.

        Box classes are the labels, as in `label_names`, then what else the image's mask tells apart.

        Raises:
            UserError: there is no such image.
        """
        if boxes is False:
            return cls(layout, tuple(labels))
        images = [image_name(name).image for name in to if name not in ("report", "labels")]
        image = boxes if isinstance(boxes, str) else next(iter(images), "")
        if image not in layout.images:
            raise UserError(
                f"boxes = {boxes!r}: the samples have no such image; they have: {', '.join(layout.images) or 'none'}"
            )
        names = dict.fromkeys([*labels, *layout.images[image].mask[1:]])
        return cls(layout, tuple(labels), image, tuple(names))

    def __call__(self, sample: Sample) -> dict[str, Any]:
        """The item of one sample, which shares the sample's memory.

        Raises:
            UserError: a label or a box's category is not in the vocabulary.
        """
        item: dict[str, Any] = {}
        for name in self.layout.images:
            affine = torch.diag(torch.tensor([*sample.spacing[name], 1.0, 1.0], dtype=torch.float64))
            # What a transform moves, its boxes can follow: see synthmed.data.transforms.boxes.
            meta = {"filename_or_obj": sample.key, "original_affine": affine.clone()}
            if name in sample.images:
                item[name] = MetaTensor(torch.from_numpy(sample.images[name]), affine=affine, meta=dict(meta))
            if name in sample.masks:
                mask = torch.from_numpy(sample.masks[name])
                item[f"{name}.mask"] = MetaTensor(mask, affine=affine.clone(), meta=dict(meta))
        if sample.report is not None:
            item["report"] = sample.report
        labels = torch.zeros(len(self.label_names))
        if sample.labels == [NOT_STATED]:
            labels.fill_(torch.nan)  # a 0 would be learned as the finding's absence
        for label in [] if sample.labels == [NOT_STATED] else sample.labels:
            if label != NO_FINDING:
                labels[_place(label, self.label_names, sample.key)] = 1.0
        item.update(prompt=sample.prompt, key=sample.key, index=sample.provenance.index, labels=labels)
        if self.box_image:
            item["box"], item["label"] = self._boxes(sample)
        return item

    def _boxes(self, sample: Sample) -> tuple[torch.Tensor, torch.Tensor]:
        boxes = [box for box in sample.boxes if box.image == self.box_image]
        corners = [(box.y, box.x, box.y + box.height, box.x + box.width) for box in boxes]
        places = [_place(box.category, self.box_names, sample.key) for box in boxes]
        return (
            torch.from_numpy(np.array(corners, dtype=np.float32).reshape(-1, 4)),
            torch.tensor(places, dtype=torch.int64),
        )


def _place(name: str, names: Sequence[str], key: str) -> int:
    if name not in names:
        raise UserError(
            f"{key}: {name!r} is not in the dataset's vocabulary ({', '.join(names)}); the record is damaged"
        )
    return names.index(name)
