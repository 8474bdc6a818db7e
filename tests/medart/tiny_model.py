"""What the tests of the tiny model share."""

from __future__ import annotations

import torch

from synthmed.medart.model import MedArt

CAPTIONS = [
    "A dermoscopic image of melanoma, dark brown with an irregular border of 12 mm.",
    "A dermoscopic image of a nevus, light brown with a smooth border.",
]
SIDE = 32


def disturb(model: MedArt, size: float = 0.2) -> None:
    """Change the adapters, which are the identity when new."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.parts.named_parameters():
            if "lora_" in name:
                parameter.add_(size * torch.randn(parameter.shape, generator=generator))
