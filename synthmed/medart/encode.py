"""Captions as the text encoder's states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def encode_prompts(
    text_encoder: Callable[..., Any], ids: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the transformer attends to; differentiable.

    Args:
        text_encoder: a `T5EncoderModel`, or a peft model of one.
        ids: int64 (B, L).
        mask: (B, L), 1 for a token and 0 for padding.

    Returns:
        the last hidden states (B, L, D), and the mask as it came.
    """
    embeds: torch.Tensor = text_encoder(input_ids=ids, attention_mask=mask)[0]
    return embeds, mask
