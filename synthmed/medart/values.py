"""Between a sample's units and the networks' [-1, 1], and between grey and the RGB of an autoencoder of photographs."""

from __future__ import annotations

import torch

from synthmed.medart.config import Config
from synthmed.modality import MODALITIES, image_name


def to_network(config: Config, image: torch.Tensor, channels: int = 3) -> torch.Tensor:
    """Images in their modality's unit (B, C, H, W) as the networks see them (B, channels, H, W), float32 in [-1, 1].

    Args:
        channels: the autoencoder's; grey is repeated to three.
    """
    low, high = config.value_range
    unit = (image.float() - low) / (high - low)
    return (unit.clamp(0, 1) * 2 - 1).expand(-1, channels, -1, -1)


def from_network(config: Config, image: torch.Tensor) -> torch.Tensor:
    """The networks' images (B, channels, H, W) in their modality's unit and range, float32; of grey, the mean."""
    low, high = config.value_range
    if MODALITIES.get(image_name(config.image).modality).channels == 1:
        image = image.mean(dim=1, keepdim=True)
    values: torch.Tensor = (image.float() / 2 + 0.5) * (high - low) + low
    return values.clamp(low, high)
