"""The forward process: x_t = α_t x_0 + σ_t ε, and what a network is asked to predict of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch

Parametrisation = Literal["eps", "v", "x0", "velocity"]


@dataclass(frozen=True)
class Process:
    """A discrete diffusion, or the straight path of rectified flow under ``velocity``.

    For eps, v and x0 α and σ follow the betas of latent diffusion: linear in their square root between the two ends,
    what the CompVis code calls "linear" and diffusers ``scaled_linear``; α² + σ² = 1. For ``velocity`` σ is
    (t + 1) / steps and α = 1 - σ.

    Targets: ε; v = α ε - σ x_0 (Salimans and Ho, 2202.00512); x_0; velocity = ε - x_0 (Liu et al., 2209.03003).

    Attributes:
        steps: how many times there are; t runs from 0 to steps - 1.
        beta_start, beta_end: of MedM2G and Stable Diffusion; unused under ``velocity``.
    """

    parametrisation: Parametrisation = "eps"
    steps: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012

    @cached_property
    def _alpha_sigma(self) -> tuple[torch.Tensor, torch.Tensor]:
        if self.parametrisation == "velocity":
            sigma = torch.arange(1, self.steps + 1, dtype=torch.float64) / self.steps
            return 1 - sigma, sigma
        roots = torch.linspace(self.beta_start**0.5, self.beta_end**0.5, self.steps, dtype=torch.float64)
        squared = torch.cumprod(1 - roots**2, dim=0)
        return squared.sqrt(), (1 - squared).sqrt()

    def alpha_sigma(self, t: torch.Tensor, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """α_t and σ_t, in the dtype and with the rank of ``like``.

        Args:
            t: (B,) integers.
            like: (B, …).
        """
        shape = (-1, *[1] * (like.ndim - 1))
        places = t.to("cpu")
        alpha, sigma = (values[places].to(like).reshape(shape) for values in self._alpha_sigma)
        return alpha, sigma

    def draw_times(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """(n,) times, uniform."""
        return torch.randint(self.steps, (n,), generator=generator, device=generator.device)

    def add_noise(self, x0: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """x_t of clean data (B, …) at times (B,)."""
        alpha, sigma = self.alpha_sigma(t, x0)
        return alpha * x0 + sigma * noise

    def target(self, x0: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """What the network is to predict at x_t."""
        if self.parametrisation == "eps":
            return noise
        if self.parametrisation == "x0":
            return x0
        if self.parametrisation == "velocity":
            return noise - x0
        alpha, sigma = self.alpha_sigma(t, x0)
        return alpha * noise - sigma * x0

    def predict_x0(self, prediction: torch.Tensor, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The clean data that a prediction at x_t stands for."""
        if self.parametrisation == "x0":
            return prediction
        alpha, sigma = self.alpha_sigma(t, x_t)
        if self.parametrisation == "eps":
            return (x_t - sigma * prediction) / alpha
        if self.parametrisation == "velocity":
            return x_t - sigma * prediction
        return alpha * x_t - sigma * prediction
