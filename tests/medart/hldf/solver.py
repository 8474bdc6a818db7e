"""DPM-Solver++(2M) and classifier-free guidance written from their papers, in float64, with nothing of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Prompt = tuple[torch.Tensor, torch.Tensor]


def unrolled(predict: Predict, noise: torch.Tensor, steps: int, last: int | None = None) -> torch.Tensor:
    """Algorithm 2 of Lu et al. (2211.01095): times even in t, first order at both ends, σ = 0 at the end.

    x_i = σ_i / σ_{i-1} x_{i-1} - α_i (e^{-h_i} - 1) D_i with D_i = (1 + 1 / 2r_i) x̂_{i-1} - x̂_{i-2} / 2r_i,
    h_i = λ_i - λ_{i-1} and r_i = h_{i-1} / h_i. As σ → 0 it becomes x̂ itself.

    Args:
        last: cut the graph before the last so many steps.
    """
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    kept = torch.cumprod(1 - betas, dim=0)
    times = torch.linspace(0, 999, steps + 1, dtype=torch.float64).round().long().flip(0)[:-1]
    alpha, sigma = kept[times].sqrt(), (1 - kept[times]).sqrt()
    log_snr = torch.log(alpha / sigma)
    x, before = noise, None
    for i, t in enumerate(times):
        if last is not None and i == steps - last:
            x, before = x.detach(), None if before is None else before.detach()
        clean = (x - sigma[i] * predict(x, t)) / alpha[i]
        if i == steps - 1:
            return clean
        h = log_snr[i + 1] - log_snr[i]
        data = clean
        if before is not None:
            r = (log_snr[i] - log_snr[i - 1]) / h
            data = (1 + 1 / (2 * r)) * clean - before / (2 * r)
        x = sigma[i + 1] / sigma[i] * x - alpha[i + 1] * torch.expm1(-h) * data
        before = clean
    raise AssertionError("no steps")


def guided(
    transformer: Any, prompt: tuple[torch.Tensor, torch.Tensor], null: tuple[torch.Tensor, torch.Tensor]
) -> Predict:
    """ε at a weight of 4.5, by two calls."""

    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        outputs = [
            transformer(
                x,
                encoder_hidden_states=embeds,
                encoder_attention_mask=mask,
                timestep=t.repeat(len(x)),
                added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            ).sample[:, :4]
            for embeds, mask in (prompt, null)
        ]
        return 4.5 * outputs[0] - 3.5 * outputs[1]

    return predict
