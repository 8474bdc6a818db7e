"""The metric ``ssim``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.pairs.compare import compared

_WINDOW = 11


@dataclass(frozen=True)
class SSIM:
    """The mean over pairs of the structural similarity, by MONAI's `SSIMMetric`.

    Gaussian window of 11 pixels with σ = 1.5, K1 = 0.01, K2 = 0.03, values in [0, 1], means where the window fits;
    colours one by one. Equal to scikit-image's with ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False``.
    """

    name: ClassVar[str] = "ssim"
    summary: ClassVar[str] = "structural similarity to the real image of the same key"
    goal: ClassVar[Literal["low", "high", "real"]] = "high"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset({"real"})
    source: ClassVar[str] = "Wang, Bovik, Sheikh, Simoncelli (IEEE TIP 13, 2004), by MONAI's SSIMMetric"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """A figure of each image, and its control of shuffled pairs."""
        yield from compared(context, self.name, likeness, left_out="pairs smaller than the window of 11 pixels")


def likeness(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(n, C, H, W) in [0, 1], twice, to (n,) in [-1, 1]; nan where the images are smaller than the window."""
    from monai.metrics import SSIMMetric

    if min(one.shape[2:]) < _WINDOW:
        return torch.full((len(one),), torch.nan)
    values = SSIMMetric(spatial_dims=2, win_size=_WINDOW, kernel_sigma=1.5, reduction="none")(one, other)
    assert isinstance(values, torch.Tensor)
    return values[:, 0]
