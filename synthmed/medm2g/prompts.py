"""What a sample is conditioned on, as one token of the prompt space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from synthmed.medm2g.config import FlowConfig
from synthmed.models.prompt_encoders import combine


def embed_text(parts: nn.ModuleDict, tokens: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """C_text's tokens (B, 1, dim)."""
    encoder: Any = parts["encoder_text"]
    embedding: torch.Tensor = encoder.embed(tokens["input_ids"], tokens["attention_mask"])
    return embedding


def embed_images(parts: nn.ModuleDict, flow: FlowConfig, images: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """C_m's tokens (B, 1, dim) of a modality's images; contrasts that are not there are black.

    Args:
        images: (B, C, H, W) in [-1, 1] by field, at least one.
    """
    first = next(iter(images.values()))
    fields = [field for field in flow.fields if not field.endswith(".mask")]
    stacked = torch.cat([images[field] if field in images else torch.full_like(first, -1) for field in fields], dim=1)
    encoder: Any = parts[f"encoder_{flow.name}"]
    embedding: torch.Tensor = encoder.embed(stacked)
    return embedding


def condition_of(embeddings: Sequence[torch.Tensor], null: torch.Tensor, n: int) -> torch.Tensor:
    """What is known of n samples as one token each (n, 1, dim): the embeddings' mean, or the null."""
    return combine(list(embeddings)) if embeddings else null.expand(n, -1, -1)
