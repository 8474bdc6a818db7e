"""What is known, or predicted, of rows: labels, label maps or boxes, and batches of them for a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch


@dataclass(frozen=True)
class Boxes:
    """The boxes of one image.

    Attributes:
        corners: (k, 4) float32 in pixels: first row, first column, last row, last column, the last ones exclusive, as
            MONAI's detection has them.
        categories: (k,) int64 places in the task's names.
        scores: (k,) float32, higher is surer; 1 for a truth.
    """

    corners: npt.NDArray[np.float32]
    categories: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.corners)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Boxes:
        """The boxes that are chosen, (k,) bool."""
        return Boxes(self.corners[chosen], self.categories[chosen], self.scores[chosen])


Truth: TypeAlias = npt.NDArray[Any] | tuple[Boxes, ...]
"""Of n rows: labels (n, names), label maps (n, H, W), or the boxes of each."""


def boxes(corners: Sequence[Sequence[float]], categories: Sequence[int], scores: Sequence[float] = ()) -> Boxes:
    """`Boxes` of plain numbers; scores are 1 where left out."""
    return Boxes(
        np.asarray(corners, np.float32).reshape(-1, 4),
        np.asarray(categories, np.int64).reshape(-1),
        np.asarray(scores, np.float32).reshape(-1) if len(scores) else np.ones(len(categories), np.float32),
    )


def take(truth: Truth, places: Sequence[int] | npt.NDArray[np.int64]) -> Truth:
    """The truth of those rows, in their order."""
    if isinstance(truth, tuple):
        return tuple(truth[int(place)] for place in places)
    chosen: npt.NDArray[Any] = truth[np.asarray(places, np.int64)]
    return chosen


@dataclass(frozen=True)
class Batch:
    """What a network is trained on in one step.

    Attributes:
        images: (n, C, H, W) float32 in [0, 1].
        truth: labels (n, names) float32, label maps (n, H, W) int64, or a dictionary of MONAI detection's ``boxes``
            (k, 4) float32 and ``labels`` (k,) int64 for each row.
    """

    images: torch.Tensor
    truth: torch.Tensor | list[dict[str, torch.Tensor]]

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        if isinstance(self.truth, torch.Tensor):
            return Batch(self.images.to(device), self.truth.to(device))
        truth = [{key: value.to(device) for key, value in row.items()} for row in self.truth]
        return Batch(self.images.to(device), truth)


def as_tensors(truth: Truth) -> torch.Tensor | list[dict[str, torch.Tensor]]:
    """Truth as a `Batch` holds it."""
    if isinstance(truth, tuple):
        return [
            {"boxes": torch.from_numpy(row.corners.copy()), "labels": torch.from_numpy(row.categories.copy())}
            for row in truth
        ]
    # Labels are two-dimensional, label maps three-dimensional.
    return torch.from_numpy(truth).float() if truth.ndim == 2 else torch.from_numpy(truth).long()


def join(batches: Sequence[Batch]) -> Batch:
    """Batches of one kind one after another."""
    images = torch.cat([batch.images for batch in batches])
    tensors = [batch.truth for batch in batches if isinstance(batch.truth, torch.Tensor)]
    if tensors:
        return Batch(images, torch.cat(tensors))
    return Batch(images, [row for batch in batches for row in batch.truth if isinstance(row, dict)])
