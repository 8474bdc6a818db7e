"""The metric ``psnr``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.pairs.compare import compared


@dataclass(frozen=True)
class PSNR:
    """The mean over pairs of 10 log10(1 / MSE) in dB, of values in [0, 1], by MONAI's `PSNRMetric`."""

    name: ClassVar[str] = "psnr"
    summary: ClassVar[str] = "peak signal-to-noise ratio to the real image of the same key, in dB"
    goal: ClassVar[Literal["low", "high", "real"]] = "high"
    range: ClassVar[tuple[float, float]] = (0.0, math.inf)
    needs: ClassVar[frozenset[Need]] = frozenset({"real"})
    source: ClassVar[str] = "MONAI's PSNRMetric; equal to scikit-image's"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """A figure of each image, and its control of shuffled pairs."""
        yield from compared(context, self.name, likeness, left_out="pairs of equal images")


def likeness(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(n, C, H, W) in [0, 1], twice, to (n,) dB; infinite for equal images."""
    from monai.metrics import PSNRMetric

    values = PSNRMetric(max_val=1.0, reduction="none")(one, other)
    assert isinstance(values, torch.Tensor)
    return values[:, 0]
