"""How far a posterior is from the prior."""

from __future__ import annotations

import torch


def gaussian_kl(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """KL of N(μ, σ²) from N(0, 1) an element, in nats, in the shape of ``mean``: (μ² + σ² - 1 - log σ²) / 2."""
    return 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar)


def free_bits(kl: torch.Tensor, target: float) -> torch.Tensor:
    """OPTIMUS' KL (its ``fb_mode 1``): the sum over the dimensions whose KL is above ``target``; others are free.

    Args:
        kl: (B, D) nats a dimension.
        target: nats; 0 counts all but the dimensions that are exactly the prior.

    Returns:
        (B,) nats.
    """
    return torch.where(kl > target, kl, 0.0).sum(dim=1)
