"""Detection: boxes around what an image shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from synthmed.downstream.seeds import seeded
from synthmed.downstream.truth import Batch, Boxes, Truth, boxes
from synthmed.errors import UserError
from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.evaluation.intervals import Places
from synthmed.fields import ImageField
from synthmed.sample import Box


@dataclass(frozen=True)
class Detection:
    """Boxes with a category.

    A row without boxes is one without anything to find; boxes of other images or of categories that are not among the
    names are left out.

    Attributes:
        width: channels of the RetinaNet's pyramid and heads, a multiple of 8; 48 makes 0.5 M parameters in all.
        smallest: side in pixels of the smallest anchor; boxes of less than half of it are hardly found.
        boxed: rows count only if somebody drew a box in them, for sources in which no box does not mean no finding.
    """

    image: str
    names: tuple[str, ...]
    width: int = 48
    smallest: float = 7.0
    boxed: bool = False
    bar: float = 0.5

    kind: Literal["detection"] = field(default="detection", init=False)
    primary: str = field(default="map50", init=False)
    chance: float = field(default=0.0, init=False)

    def check(self, stored: ImageField) -> None:
        """Any image will do; at least one category, and a width that group normalisation divides."""
        if not self.names:
            raise UserError(f"detection in {self.image}: no names; give the boxes' categories")
        if self.width < 8 or self.width % 8:
            raise UserError(f"detection in {self.image}: width {self.width}; a multiple of 8")

    def usable(self, facts: Facts) -> bool:
        """Every row, or with ``boxed`` those with a box in the image."""
        return not self.boxed or any(box.image == self.image for box in facts.boxes)

    def truth(self, corpus: Corpus, places: Sequence[int]) -> Truth:
        """The boxes of each row."""
        return tuple(self._boxes(facts) for facts in corpus.facts(places))

    def presence(self, truth: Truth) -> npt.NDArray[np.bool_]:
        """(n, names): which categories a row has a box of."""
        places = np.arange(len(self.names))
        found = [np.isin(places, row.categories) for row in truth if isinstance(row, Boxes)]
        return np.array(found, bool).reshape(-1, len(self.names))

    def fitted(self, truth: Truth) -> Detection:
        """Itself: hard negatives balance the loss."""
        return self

    def build(self, channels: int, seed: int) -> nn.Module:
        """A `RetinaNetDetector`."""
        from synthmed.downstream.tasks.retinanet import retinanet

        with seeded(seed):
            made: nn.Module = retinanet(channels, len(self.names), self.width, self.smallest)
            return made

    def loss(self, net: nn.Module, batch: Batch) -> torch.Tensor:
        """The sum of the categories' and the boxes' loss, as MONAI's detector has them."""
        total: torch.Tensor = sum(net(batch.images, batch.truth).values())
        return total

    def predict(self, net: nn.Module, images: torch.Tensor) -> Truth:
        """Boxes after suppression of overlaps above 0.3, at most 100 an image."""
        return tuple(
            Boxes(
                row["boxes"].cpu().numpy().astype(np.float32).reshape(-1, 4),
                row["labels"].cpu().numpy().astype(np.int64),
                row["labels_scores"].cpu().numpy().astype(np.float32),
            )
            for row in net(images)
        )

    def score(self, predictions: Truth, truth: Truth) -> Mapping[str, float]:
        """``map50``, ``map``, ``map_rsna``, and the first two by name; see `synthmed.downstream.tasks.coco.figures`."""
        from synthmed.downstream.tasks.coco import figures

        return figures(_rows(predictions), _rows(truth), self.names)

    def of_draws(self, predictions: Truth, truth: Truth) -> Callable[[Places], float]:
        """``map50`` of drawn rows; see `synthmed.downstream.tasks.task.Drawn`."""
        from synthmed.downstream.tasks.coco import map50_of_draws

        return map50_of_draws(_rows(predictions), _rows(truth))

    def _boxes(self, facts: Facts) -> Boxes:
        mine = [box for box in facts.boxes if box.image == self.image and box.category in self.names]
        return boxes([corners(box) for box in mine], [self.names.index(box.category) for box in mine])


def corners(box: Box) -> tuple[float, float, float, float]:
    """First row, first column, last row, last column of a `Box`, the last ones exclusive."""
    return box.y, box.x, box.y + box.height, box.x + box.width


def as_boxes(found: Boxes, task: Detection) -> list[tuple[Box, float]]:
    """`Box` and score of each."""
    return [
        (Box(task.image, task.names[category], left, top, right - left, bottom - top), score)
        for (top, left, bottom, right), category, score in zip(
            found.corners.tolist(), found.categories.tolist(), found.scores.tolist(), strict=True
        )
    ]


def _rows(truth: Truth) -> list[Boxes]:
    return [row for row in truth if isinstance(row, Boxes)]
