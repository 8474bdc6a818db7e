"""What a downstream task is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from synthmed.downstream.truth import Batch, Truth
from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.evaluation.intervals import Places
from synthmed.fields import ImageField


class Task(Protocol):
    """A question that a network is trained to answer about one image.

    A frozen dataclass: two equal tasks ask the same, and its fields are what a kept judge is known by.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def kind(self) -> Literal["classification", "segmentation", "detection"]:
        """As in `synthmed.downstream.TASKS`."""
        ...

    @property
    def image(self) -> str:
        """Which image it looks at, ``xray``."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """What is told apart: labels, a label map's names by value with the background first, boxes' categories."""
        ...

    @property
    def primary(self) -> str:
        """The figure of `score` that arms are compared by."""
        ...

    @property
    def chance(self) -> float:
        """What the primary figure is for a network that has not looked."""
        ...

    @property
    def bar(self) -> float:
        """What the primary figure must reach with all real rows.

        Below, the task is not learnt, and no gain of synthetic rows may be printed.
        """
        ...

    def check(self, stored: ImageField) -> None:
        """Raise `UserError` where rows whose image is stored so cannot be asked."""
        ...

    def usable(self, facts: Facts) -> bool:
        """Whether a row says what the task asks; others are left out."""
        ...

    def truth(self, corpus: Corpus, places: Sequence[int]) -> Truth:
        """What rows say that are `usable`.

        Raises:
            UserError: a row contradicts the task.
        """
        ...

    def presence(self, truth: Truth) -> npt.NDArray[np.bool_]:
        """(n, names): what each row has; draws are stratified by it."""
        ...

    def fitted(self, truth: Truth) -> Any:
        """The same task with what the loss takes from real training rows, the weights of classes; of every arm."""
        ...

    def build(self, channels: int, seed: int) -> nn.Module:
        """An untrained network for images of so many channels; its weights are a function of the seed."""
        ...

    def loss(self, net: nn.Module, batch: Batch) -> torch.Tensor:
        """The scalar that training lowers."""
        ...

    def predict(self, net: nn.Module, images: torch.Tensor) -> Truth:
        """What the network, in evaluation mode, says of (n, C, H, W) float32 in [0, 1]: scores, label maps, boxes."""
        ...

    def score(self, predictions: Truth, truth: Truth) -> Mapping[str, float]:
        """The figures in [0, 1]: `primary` always (not a number where it has none), others, ``<figure>/<name>``."""
        ...


@runtime_checkable
class Drawn(Protocol):
    """A task whose primary figure of drawn rows costs less than to score them."""

    def of_draws(self, predictions: Truth, truth: Truth) -> Callable[[Places], float]:
        """From places of rows, with repeats, to the `Task.primary` that `Task.score` gives these rows."""
        ...
