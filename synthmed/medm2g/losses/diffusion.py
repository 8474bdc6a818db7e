"""The diffusion loss over those parts of a latent that count."""

from __future__ import annotations

import torch


def group_mse(prediction: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The mean squared error over the counted elements; 0 where none counts.

    Args:
        prediction: (B, …).
        target: (B, …).
        weight: bool, or 0 and 1, broadcast to the target: 1 where an element counts.
    """
    counted = weight.to(prediction.dtype).expand_as(target)
    # `where`, not a product alone: what does not count may be anything, infinities too.
    difference = torch.where(counted > 0, prediction - target, 0.0)
    return (counted * difference.square()).sum() / counted.sum().clamp_min(1.0)
