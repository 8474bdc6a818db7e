"""How far the colours of generated images are from those of real ones, and when that is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from synthmed.errors import UserError

Reduction = Literal["sum", "mean"]


def colour_statistics(images: torch.Tensor) -> torch.Tensor:
    """Mean and deviation of each channel of each image.

    Args:
        images: (B, C, H, W) in [-1, 1]. They are not clamped: outside the range a gradient is still wanted.

    Returns:
        (B, 2, C): the means, and the deviations with Bessel's correction, as `torch.std` has them.
    """
    return torch.stack([images.mean(dim=(2, 3)), images.std(dim=(2, 3))], dim=1)


def colour_loss(generated: torch.Tensor, real: torch.Tensor, reduction: Reduction = "sum") -> torch.Tensor:
    """L_color of Med-Art (2506.20449): (μ(x̃) - μ(x))² + (σ(x̃) - σ(x))², a mean over the batch.

    Args:
        generated: (B, 2, C), `colour_statistics` of the images that are generated.
        real: the same, of the images they are compared with.
        reduction: ``sum`` over the channels is the paper's formula; ``mean`` is the authors' code, a third of it for
            RGB.

    Raises:
        ValueError: another reduction.
    """
    squares = (generated - real).square().sum(dim=1)
    if reduction == "sum":
        return squares.sum(dim=1).mean()
    if reduction == "mean":
        return squares.mean()
    raise ValueError(f"reduction {reduction!r} is neither sum nor mean")


@dataclass(frozen=True)
class ColourStep:
    """When and how the colour loss is computed; the defaults are the paper's (2506.20449), except for ``calls``.

    Attributes:
        every: N, in optimiser steps; 0 is never, and costs nothing.
        steps: M of DPM-Solver++; the loss has the weight 1/M.
        guidance: w of the images that are generated; 1 leaves out the empty prompt.
        batch: how many of a batch's items are generated, the first ones.
        reduction: of the channels; see `colour_loss`.
        at_start: whether step 0 is one of them, as in the authors' code.
        calls: 1 is both halves of guidance in one batch, 2 is one after the other: half of what is alive at once.
        checkpoint: keep a latent a step instead of every activation, and decode under checkpoints: memory constant in M
            for one more run of the networks. The gradient is the same.
        last: K, gradients through the last K steps only; see `trajectory`. None is the exact gradient.

    Raises:
        UserError: a number is out of range.
    """

    every: int = 500
    steps: int = 20
    guidance: float = 4.5
    batch: int = 1
    reduction: Reduction = "sum"
    at_start: bool = True
    calls: Literal[1, 2] = 1
    checkpoint: bool = True
    last: int | None = None

    def __post_init__(self) -> None:
        if self.every < 0 or self.steps < 1 or self.batch < 1:
            raise UserError(f"colour step {self}: every from 0, steps and batch from 1")
        if self.last is not None and not 1 <= self.last <= self.steps:
            raise UserError(f"colour step: last is {self.last}; from 1 to steps ({self.steps}), or none for all")
        if self.calls not in (1, 2) or self.reduction not in ("sum", "mean"):
            raise UserError(f"colour step {self}: calls is 1 or 2, reduction is sum or mean")

    def due(self, step: int) -> bool:
        """Whether the step after ``step`` others has a colour loss."""
        return self.every > 0 and step % self.every == 0 and (step > 0 or self.at_start)

    @property
    def estimator(self) -> str:
        """What the gradient is, for a report."""
        return "HLDF, exact" if self.last in (None, self.steps) else f"HLDF truncated to the last {self.last} steps"
