"""A flow: the diffuser of one modality's latent, whatever network does the work."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn

from synthmed.models.networks import build_network


class LatentFlow(ModelMixin, ConfigMixin):
    """`synthmed.protocols.Flow` around a network of the registry.

    A latent is one or several groups of channels: an image's, further contrasts', then masks'. Each group can be noisy
    or given clean, so that joint generation, contrast synthesis, mask → image and image → mask are one network: with
    more than one group it is told by one plane a group, 1 where the group is clean. With one group there is no such
    plane, and the network is a plain one (``masks: none`` of the ``paper`` size).

    Condition tokens have length 1 (CoDi). They are multiplied by the root of their width, which gives the entries the
    size that a freshly made, or CLIP-trained, cross-attention expects.

    Args:
        diffuser: ``{"class": name, …arguments}``; called as ``network(z, t, tokens)`` with a ``.sample``. Its input has
            the groups' channels, and one more a group if there are several; its output the groups' channels.
        groups: channels of each group; a vector latent (B, D) has one of D.
        parametrisation: what is predicted: eps, v, x0 or velocity; see `synthmed.diffusion.process.Process`.
        spatial_dims: 2, or 0 for a vector latent.
        guidance: external (two calls a step) or embedded (a student that learned guidance).
        steps: numbers of sampling steps that the weights are made for; empty for any.
    """

    @register_to_config
    def __init__(
        self,
        diffuser: Mapping[str, Any],
        groups: Sequence[int],
        parametrisation: Literal["eps", "v", "x0", "velocity"] = "eps",
        spatial_dims: int = 2,
        guidance: Literal["external", "embedded"] = "external",
        steps: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if spatial_dims == 0 and len(groups) != 1:
            raise ValueError(f"a vector latent has one group, not {list(groups)}")
        # Not named as the configuration's entry is: ModelMixin would answer with that.
        self.network: nn.Module = build_network(diffuser)

    def denoise(
        self, z_t: torch.Tensor, t: torch.Tensor, condition: torch.Tensor, given: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The prediction at z_t.

        Args:
            z_t: (B, C, h, w), or (B, D); the given groups' channels hold clean latents.
            t: (B,) times on the process' scale.
            condition: (B, T, width) tokens of length 1.
            given: (B, groups) bool; None for no group given.

        Returns:
            As ``z_t``; what stands in a given group's channels means nothing.
        """
        tokens = condition * math.sqrt(condition.shape[-1])
        if len(self.config["groups"]) > 1:
            if given is None:
                given = torch.zeros(len(z_t), len(self.config["groups"]), dtype=torch.bool, device=z_t.device)
            flags = given.to(z_t.dtype)[:, :, None, None].expand(-1, -1, *z_t.shape[2:])
            z_t = torch.cat([z_t, flags], dim=1)
        prediction: torch.Tensor = self.network(z_t, t, tokens).sample
        return prediction

    forward = denoise

    def spread(self, given: torch.Tensor) -> torch.Tensor:
        """(B, groups) to (B, C, 1, 1), or (B, 1): each group's value at each of its channels."""
        if self.config["spatial_dims"] == 0:
            return given
        sizes = torch.tensor(self.config["groups"], device=given.device)
        return torch.repeat_interleave(given, sizes, dim=1)[:, :, None, None]
