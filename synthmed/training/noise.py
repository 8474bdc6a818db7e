"""Random numbers from the step's generator, on its own device."""

from __future__ import annotations

import torch


def normal_like(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Standard normal numbers in the shape and type, and on the device, of ``like``."""
    return torch.randn(like.shape, generator=generator, device=generator.device).to(like)


def chances(n: int, p: float, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """(n,) bool on ``device``, each true with probability ``p``."""
    return (torch.rand(n, generator=generator, device=generator.device) < p).to(device)
