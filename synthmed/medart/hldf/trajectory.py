"""From noise to a latent by DPM-Solver++, with gradients where they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import DPMSolverMultistepScheduler

from synthmed.errors import UserError


def trajectory(
    predict: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    noise: torch.Tensor,
    scheduler: DPMSolverMultistepScheduler,
    steps: int,
    *,
    last: int | None = None,
) -> torch.Tensor:
    """z_0 after ``steps`` of diffusers' scheduler; differentiable unless gradients are off.

    The solver stays outside any checkpoint: its step counts, and a second run of it would count on. What keeps the
    memory constant in ``steps`` is `Guided`'s ``checkpoint``.

    Args:
        predict: the network's prediction (B, C, h, w) at (z, t), with t a scalar on the scale of training.
        noise: (B, C, h, w) standard normal.
        scheduler: its settings alone are used; it is not changed.
        steps: M, from 1.
        last: K, gradients through the last K steps only (DRaFT-K, 2309.17400). This is another estimator, neither the
            gradient of the colour loss nor a multiple of it. None is all steps, the exact gradient.

    Returns:
        (B, C, h, w), in the scale of the network's latents.

    Raises:
        UserError: the scheduler draws noise of its own at each step.
        ValueError: ``steps`` or ``last`` is out of range.
    """
    if steps < 1 or (last is not None and not 1 <= last <= steps):
        raise ValueError(f"{steps} steps with gradients through the last {last}: from 1, and at most all")
    settings: Any = scheduler.config  # type: ignore[attr-defined]  # which diffusers does not declare
    if (algorithm := str(settings["algorithm_type"])).startswith("sde"):
        raise UserError(f"scheduler: algorithm_type {algorithm} draws noise of its own; set it to dpmsolver++")
    solver = type(scheduler).from_config(settings)
    solver.set_timesteps(steps, device=noise.device)
    solver.set_begin_index(0)
    first = 0 if last is None else steps - last
    wanted = torch.is_grad_enabled()
    z = noise
    for step, t in enumerate(solver.timesteps):
        with torch.set_grad_enabled(wanted and step >= first):
            z = solver.step(predict(z, t), t, z, return_dict=False)[0]
    return z
