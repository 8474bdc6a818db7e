"""An embedder that costs nothing: the means of a grid of places."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812


class Grid:
    """(side², ) means of the grey image, times a fixed matrix, so that features depend on each other."""

    def __init__(self, side: int = 4) -> None:
        self.name, self.digest, self.size, self.width = f"grid-{side}", f"grid-{side}", 16, side * side
        self._side = side
        self.calls: list[int] = []

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.calls.append(len(images))
        return F.adaptive_avg_pool2d(images.mean(1, keepdim=True), self._side).flatten(1)
