"""A batch of latents as a flow meets it in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from synthmed.diffusion.process import Process
from synthmed.medm2g.losses.diffusion import group_mse
from synthmed.models.flow import LatentFlow
from synthmed.training.noise import normal_like


@dataclass(frozen=True)
class Noised:
    """Noisy latents and what is to be predicted of them.

    Attributes:
        z_0: (B, C, h, w) or (B, D), drawn from the posteriors; noise where a group is absent.
        z_t: the same, noisy: present groups at time t, given ones clean, absent ones noise alone.
        t: (B,).
        target: as ``z_t``.
        given: (B, groups) bool.
        counted: (B, C, 1, 1) or (B, 1) bool: the channels of present groups that are not given.
    """

    z_0: torch.Tensor
    z_t: torch.Tensor
    t: torch.Tensor
    target: torch.Tensor
    given: torch.Tensor
    counted: torch.Tensor

    def loss(self, flow: LatentFlow, condition: torch.Tensor) -> torch.Tensor:
        """The mean squared error of the flow's prediction."""
        return group_mse(flow.denoise(self.z_t, self.t, condition, self.given), self.target, self.counted)


def noised(
    process: Process,
    flow: LatentFlow,
    batch: Mapping[str, torch.Tensor],
    t: torch.Tensor,
    given: torch.Tensor,
    generator: torch.Generator,
) -> Noised:
    """Draw latents from their posteriors, and noise them.

    Args:
        batch: ``mean`` and ``logvar``, (B, C, h, w) or (B, D), in units in which latents have mean 0 and deviation 1;
            ``present`` (B, groups) bool.
        t: (B,).
        given: (B, groups) bool, some of the present groups.
    """
    mean, logvar, present = batch["mean"], batch["logvar"], batch["present"]
    drawn = mean + torch.exp(0.5 * logvar) * normal_like(mean, generator)
    noise = normal_like(mean, generator)
    is_present, is_given = flow.spread(present), flow.spread(given)
    z_0 = torch.where(is_present, drawn, noise)
    noisy = process.add_noise(z_0, noise, t)
    z_t = torch.where(is_given | ~is_present, z_0, noisy)
    return Noised(z_0, z_t, t, process.target(z_0, noise, t), given, is_present & ~is_given)


def check_parametrisation(flow: LatentFlow, process: Process) -> None:
    """That the flow predicts what the process asks for.

    Raises:
        ValueError: it does not.
    """
    if flow.config["parametrisation"] != process.parametrisation:
        raise ValueError(f"the flow predicts {flow.config['parametrisation']}, the process {process.parametrisation}")
