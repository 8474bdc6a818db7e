"""Classical augmentation: what a peer would do before asking for synthetic rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, RandAdjustContrastd, RandAffined, RandFlipd, RandGaussianNoised
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat

from synthmed.data.transforms.boxes import MoveBoxesd
from synthmed.downstream.truth import Batch

_SEEN = 0.3
"""A moved box of which less is left in the image is dropped."""


class Augmentation(BaseModel):
    """How strongly rows are altered; MONAI's transforms, and torchio's bias field.

    Attributes:
        probability: of each alteration, for each row by itself.
        rotate: degrees to either side.
        shift: share of the side, in each direction.
        scale: share by which the image grows or shrinks.
        flips: axes along which a mirrored patient is still a possible one: 0 rows, 1 columns. A chest film has none
            (the heart is left), a mole both.
        gamma: exponents are drawn between 1 / gamma and gamma; 1 leaves it out. Likewise 0 for the next two.
        noise: the largest standard deviation, of values in [0, 1].
        bias: the largest coefficient of torchio's bias field, a cubic polynomial in the exponent; it is MRI's and the
            uneven exposure of films and photographs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    rotate: NonNegativeFloat = 10.0
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.08
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.1
    flips: tuple[int, ...] = ()
    gamma: Annotated[float, Field(ge=1)] = 1.4
    noise: NonNegativeFloat = 0.03
    bias: NonNegativeFloat = 0.3


@dataclass(frozen=True)
class Augmenter:
    """Alters a batch row by row, masks and boxes with their image; what comes in from outside repeats the border.

    MONAI's draws are a function of ``seed``; torchio's come from torch's global generator, which `fit` seeds.

    Attributes:
        size: (rows, columns) of the images.
    """

    settings: Augmentation
    size: tuple[int, int]
    seed: int

    def __call__(self, batch: Batch) -> Batch:
        """The same rows, altered: images in [0, 1]."""
        items = [self._item(batch, place) for place in range(len(batch.images))]
        altered = [self._transform(item) for item in items]
        images = torch.stack([item["image"].as_tensor() for item in altered]).clamp(0, 1)
        if not isinstance(batch.truth, torch.Tensor):
            return Batch(images, [{"boxes": item["box"], "labels": item["label"]} for item in altered])
        if batch.truth.ndim == 2:
            return Batch(images, batch.truth)
        return Batch(images, torch.stack([item["mask"].as_tensor()[0] for item in altered]).long())

    def _item(self, batch: Batch, place: int) -> dict[str, Any]:
        item: dict[str, Any] = {"image": MetaTensor(batch.images[place])}
        if not isinstance(batch.truth, torch.Tensor):
            row = batch.truth[place]
            # Boxes are moved by the affine before and after; without this key none has moved.
            item["image"].meta["original_affine"] = item["image"].affine.clone()
            return {**item, "box": row["boxes"], "label": row["labels"]}
        if batch.truth.ndim == 3:
            item["mask"] = MetaTensor(batch.truth[place][None].float())
        return item

    @cached_property
    def _transform(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        want, both = self.settings, ("image", "mask")
        steps: list[Callable[[Any], Any]] = [
            RandAffined(
                both,
                prob=want.probability,
                rotate_range=np.deg2rad(want.rotate),
                translate_range=tuple(want.shift * side for side in self.size),
                scale_range=want.scale,
                mode=("bilinear", "nearest"),
                padding_mode="border",
                allow_missing_keys=True,
            )
        ]
        steps += [RandFlipd(both, prob=0.5, spatial_axis=axis, allow_missing_keys=True) for axis in want.flips]
        steps.append(MoveBoxesd("box", "label", "image", _SEEN, allow_missing_keys=True))
        if want.bias:
            steps.append(_bias_field(want.bias, want.probability))
        if want.gamma > 1:
            steps.append(RandAdjustContrastd("image", prob=want.probability, gamma=(1 / want.gamma, want.gamma)))
        if want.noise:
            steps.append(RandGaussianNoised("image", prob=want.probability, std=want.noise, sample_std=True))
        made: Callable[[dict[str, Any]], dict[str, Any]] = Compose(steps).set_random_state(self.seed)
        return made


def _bias_field(largest: float, probability: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """torchio's, which takes volumes (C, W, H, D): a slice is one of depth 1."""
    import torchio

    field = torchio.RandomBiasField(coefficients=largest, p=probability)

    def alter(item: dict[str, Any]) -> dict[str, Any]:
        image = item["image"]
        return {**item, "image": MetaTensor(field(image.as_tensor()[..., None])[..., 0], meta=image.meta)}

    return alter
