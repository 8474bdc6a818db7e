"""What each stage's loader indexes, and how items become batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import T5Tokenizer

from synthmed.medart.tokenizer import encode

Tensors = Mapping[str, torch.Tensor]


def collate_images(items: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Rows to the autoencoder's batch."""
    return {"image": torch.stack([item["image"] for item in items])}


def collate_captioned(items: Sequence[Mapping[str, Any]], tokenizer: T5Tokenizer, length: int) -> Tensors:
    """Rows to the batch of `synthmed.medart.hldf.objective.MedArtObjective`."""
    ids, mask = encode(tokenizer, [item["caption"] for item in items], length)
    return {**collate_images(items), "ids": ids, "mask": mask}
