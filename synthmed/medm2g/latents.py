"""Between images, label maps or reports and the latents that flows see: of mean 0 and deviation 1."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from synthmed.medm2g.config import FlowConfig, Group


def encode_group(
    parts: nn.ModuleDict, flow: FlowConfig, group: Group, values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and log-variance of a group's posterior, in the flow's units.

    Args:
        values: images (B, C, H, W) in [-1, 1], or label maps (B, 1, H, W) whose values are 0 and places + 1 in
            ``flow.mask_names``.

    Returns:
        Both (B, channels, h, w).
    """
    network: Any = parts[group.autoencoder]
    if group.field.endswith(".mask"):
        values = one_hot(values, len(flow.mask_names) + 1)
    posterior = network.encode(values).latent_dist
    return scaled(posterior.mean, posterior.logvar, group)


def scaled(mean: torch.Tensor, logvar: torch.Tensor, group: Group) -> tuple[torch.Tensor, torch.Tensor]:
    """A posterior of the autoencoder's in the flow's units: (z - shift) * scale."""
    return (mean - group.shift) * group.scale, logvar + 2 * math.log(group.scale)


def decode_group(parts: nn.ModuleDict, group: Group, latent: torch.Tensor) -> torch.Tensor:
    """What a group's latent in the flow's units shows.

    Returns:
        Images (B, C, H, W) in [-1, 1], clipped; or label maps (B, 1, H, W) uint8, the likeliest class a pixel.
    """
    network: Any = parts[group.autoencoder]
    decoded: torch.Tensor = network.decode(unscaled(latent, group)).sample
    if group.field.endswith(".mask"):
        return decoded.argmax(dim=1, keepdim=True).to(torch.uint8)
    return decoded.clamp(-1, 1)


def unscaled(latent: torch.Tensor, group: Group) -> torch.Tensor:
    """A latent in the autoencoder's units."""
    return latent / group.scale + group.shift


def one_hot(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """(B, 1, H, W) integers to (B, classes, H, W) float32: 1 at a pixel's class, -1 elsewhere."""
    hot = nn.functional.one_hot(labels[:, 0].long(), classes).permute(0, 3, 1, 2)
    return hot.to(torch.float32) * 2 - 1


def split_groups(flow: FlowConfig, latent: torch.Tensor) -> dict[str, torch.Tensor]:
    """A flow's latent by field."""
    parts = torch.split(latent, [group.channels for group in flow.groups], dim=1)
    return dict(zip(flow.fields, parts, strict=True))


def latent_shape(flow: FlowConfig, downsampling: int) -> tuple[int, ...]:
    """Of one sample's latent: (C, h, w), or (D,) of text."""
    channels = sum(group.channels for group in flow.groups)
    if flow.pixels is None:
        return (channels,)
    return (channels, flow.pixels[1] // downsampling, flow.pixels[2] // downsampling)
