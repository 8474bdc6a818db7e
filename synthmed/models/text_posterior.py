"""A Gaussian over the latents of texts."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class TextPosterior:
    """A diagonal Gaussian a text.

    Attributes:
        mean: (B, D).
        logvar: (B, D), the logarithm of the variance.
    """

    mean: torch.Tensor
    logvar: torch.Tensor

    def sample(self, noise: torch.Tensor) -> torch.Tensor:
        """The draw that standard normal ``noise`` (B, D) gives (reparametrised, so gradients pass)."""
        return self.mean + torch.exp(0.5 * self.logvar) * noise

    def kl(self) -> torch.Tensor:
        """KL divergence from N(0, 1) a dimension, (B, D), in nats: (μ² + σ² - 1 - log σ²) / 2."""
        return 0.5 * (self.mean.square() + self.logvar.exp() - 1.0 - self.logvar)
