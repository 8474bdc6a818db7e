"""Prompts: labels as text, the label set of a patient of whom nothing is said, and conditions as one token."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from synthmed.errors import UserError
from synthmed.medm2g.config import Config, FlowConfig
from synthmed.models.prompt_encoders import combine
from synthmed.sample import NO_FINDING


def prompt_of(config: Config, given: Mapping[str, Any]) -> str:
    """The text that given labels, or a given report, stand for; "" where neither is given.

    Raises:
        UserError: a label that the model was not trained with.
    """
    if "report" in given:
        return str(given["report"])
    if "labels" not in given:
        return ""
    labels = [label for label in given["labels"] if label != NO_FINDING]
    unknown = [label for label in labels if label not in config.labels]
    if unknown:
        raise UserError(f"label {unknown[0]!r}: the model knows {', '.join(config.labels) or 'none'}, {NO_FINDING}")
    return worded(config, labels)


def worded(config: Config, labels: Sequence[str]) -> str:
    """A label set in the words of the model's domain."""
    names = sorted(labels) or [NO_FINDING]
    templates = config.prompts.templates
    template = templates.get("|".join(names)) or templates.get("*", "{labels}")
    return template.replace("{labels}", " and ".join(names))


def drawn_labels(config: Config, seed: int) -> tuple[str, ...] | None:
    """The label set of a patient of whom nothing is said: by the training rows' frequencies and the seed alone."""
    sets = config.prompts.sets
    total = sum(weight for _, weight in sets)
    if not sets or total <= 0:
        return None
    digest = hashlib.sha256(f"labels {seed}".encode()).digest()
    place = int.from_bytes(digest[:7], "big") / 2**56 * total
    for labels, weight in sets:
        place -= weight
        if place < 0:
            return labels
    return sets[-1][0]


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
