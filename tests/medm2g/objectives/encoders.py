"""A tiny pair of prompt encoders with projectors, and a batch for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from synthmed.models.projector import Projector
from synthmed.models.prompt_encoders import ImagePromptEncoder, TextPromptEncoder

DIM = 8


def text_encoder() -> TextPromptEncoder:
    torch.manual_seed(1)
    encoder = TextPromptEncoder(vocab_size=20, dim=DIM, hidden=8, layers=1, heads=2, max_length=6)
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # what is drawn would differ between one process and two
    return encoder


def image_encoder(seed: int = 2) -> ImagePromptEncoder:
    torch.manual_seed(seed)
    return ImagePromptEncoder(1, DIM, widths=(4, 4, 8, 8))


def projector(seed: int = 3) -> Projector:
    torch.manual_seed(seed)
    return Projector((DIM, 12, 6))


def batch(n: int = 8, b_is_text: bool = False) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(4)
    ids = torch.randint(1, 20, (n, 6), generator=generator)
    images = torch.rand(6, n, 1, 16, 16, generator=generator) * 2 - 1
    views = {f"view{i + 1}_{side}": images[2 * j + i] for j, side in enumerate("ab") for i in range(2)}
    return {
        "a": {"input_ids": ids, "attention_mask": torch.ones_like(ids)},
        "b": images[4],
        "image_a": images[5],
        **views,
    }
