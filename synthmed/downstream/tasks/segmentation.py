"""Segmentation: where the structures of an image are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from synthmed.downstream.seeds import seeded
from synthmed.downstream.truth import Batch, Truth
from synthmed.errors import UserError
from synthmed.evaluation.agreement.scores import area_dice
from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.evaluation.intervals import Places
from synthmed.fields import ImageField


@dataclass(frozen=True)
class Segmentation:
    """A label for every pixel.

    Attributes:
        names: of the label map by value, the background first, as the image's field has them.
        scored: the names that figures are taken of; all but the background where empty.
        network: MONAI's UNet (0.2 M parameters), or its DynUNet (0.9 M).
    """

    image: str
    names: tuple[str, ...]
    scored: tuple[str, ...] = ()
    network: Literal["unet", "dynunet"] = "unet"
    bar: float = 0.8

    kind: Literal["segmentation"] = field(default="segmentation", init=False)
    primary: str = field(default="dice", init=False)
    chance: float = field(default=0.0, init=False)

    def check(self, stored: ImageField) -> None:
        """The image must have a label map with the same names by value, and the scored ones among them."""
        if tuple(stored.mask) != self.names:
            raise UserError(
                f"segmentation of {self.image}: its label map has {', '.join(stored.mask) or 'no names'}, the task "
                f"{', '.join(self.names)}; the two must be equal"
            )
        if unknown := [name for name in self.scored if name not in self.names[1:]]:
            raise UserError(f"segmentation of {self.image}: scored {unknown[0]!r} is not among the names")

    def usable(self, facts: Facts) -> bool:
        """Every row of an image with a label map is."""
        return True

    def truth(self, corpus: Corpus, places: Sequence[int]) -> Truth:
        """(n, H, W) uint8 label maps.

        Raises:
            UserError: a value that has no name.
        """
        maps = corpus.masks(self.image, places)
        if maps.size and maps.max() >= len(self.names):
            raise UserError(
                f"{corpus.name}: a label map of {self.image} has the value {maps.max()}, names go to "
                f"{len(self.names) - 1}; mend the mask or its names"
            )
        return maps

    def presence(self, truth: Truth) -> npt.NDArray[np.bool_]:
        """(n, scored names): whether the map shows it."""
        maps = np.asarray(truth)
        shown = [(maps == value).any(axis=(1, 2)) for value in self._values().values()]
        return np.stack(shown, axis=1)

    def fitted(self, truth: Truth) -> Segmentation:
        """Itself: Dice weighs every structure alike."""
        return self

    def build(self, channels: int, seed: int) -> nn.Module:
        """One logit a name and pixel."""
        from monai.networks.nets import DynUNet, UNet

        with seeded(seed):
            if self.network == "unet":
                return UNet(2, channels, len(self.names), (16, 32, 64, 128), (2, 2, 2), num_res_units=1)
            strides = (1, 2, 2, 2)
            return DynUNet(2, channels, len(self.names), (3,) * 4, strides, strides[1:], filters=(32, 64, 96, 128))

    def loss(self, net: nn.Module, batch: Batch) -> torch.Tensor:
        """MONAI's DiceCELoss: soft Dice of every name, the background too, and the cross-entropy of pixels."""
        if not isinstance(batch.truth, torch.Tensor):
            raise ValueError("a segmentation's batch has label maps (n, H, W)")
        found: torch.Tensor = _dice_ce()(net(batch.images * 2 - 1), batch.truth[:, None])
        return found

    def predict(self, net: nn.Module, images: torch.Tensor) -> Truth:
        """(n, H, W) uint8 label maps of the likeliest names."""
        maps: npt.NDArray[np.uint8] = net(images * 2 - 1).argmax(1).to(torch.uint8).cpu().numpy()
        return maps

    def score(self, predictions: Truth, truth: Truth) -> Mapping[str, float]:
        """Dice by name, and what it hides.

        ``dice/<name>`` is the mean over the images that have the structure: elsewhere there is no overlap to measure.
        ``dice`` is its mean over names. What is seen where there is nothing is told apart: ``false_alarm/<name>``, the
        share of the images without the structure in which it is found, and ``false_alarm``. ``dice_all/<name>`` is the
        mean over all images where one without the structure counts 1 if none is found and 0 if it is (MGCA's rule for
        SIIM, MONAI's ``ignore_empty=False``).
        """
        known, said = np.asarray(truth), np.asarray(predictions)
        found: dict[str, float] = {}
        for name, value in self._values().items():
            each, there = area_dice(said == value, known == value), (known == value).any(axis=(1, 2))
            if there.any():
                found[f"dice/{name}"] = float(each[there].mean())
            if not there.all():
                found[f"false_alarm/{name}"] = float(1 - each[~there].mean())
            if len(each):
                found[f"dice_all/{name}"] = float(each.mean())
        return {**{figure: _mean(found, figure) for figure in ("dice", "false_alarm", "dice_all")}, **found}

    def of_draws(self, predictions: Truth, truth: Truth) -> Callable[[Places], float]:
        """``dice`` of drawn rows; see `synthmed.downstream.tasks.task.Drawn`. Overlaps are measured once."""
        known, said = np.asarray(truth), np.asarray(predictions)
        there = np.stack([(known == value).any(axis=(1, 2)) for value in self._values().values()], 1)
        each = np.stack([area_dice(said == value, known == value) for value in self._values().values()], 1)

        def value(rows: Places) -> float:
            drawn, has = each[rows], there[rows]
            means = [drawn[has[:, name], name].mean() for name in np.flatnonzero(has.any(0))]
            return float(np.mean(means)) if means else float("nan")

        return value

    def _values(self) -> dict[str, int]:
        return {name: self.names.index(name) for name in self.scored or self.names[1:]}


@lru_cache(maxsize=1)
def _dice_ce() -> nn.Module:
    from monai.losses import DiceCELoss

    made: nn.Module = DiceCELoss(to_onehot_y=True, softmax=True)
    return made


def _mean(found: Mapping[str, float], figure: str) -> float:
    values = [value for key, value in found.items() if key.startswith(f"{figure}/")]
    return float(np.mean(values)) if values else float("nan")
