"""What each stage's loader indexes, and how items become batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import T5Tokenizer

from synthmed.medart.tokenizer import encode

Tensors = Mapping[str, torch.Tensor]


class TensorTable(Dataset[Tensors]):
    """Ready tensors by name, items along the first axis, of which a batch is taken at once."""

    def __init__(self, tensors: Tensors, length: int) -> None:
        self.tensors, self.length = tensors, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, place: int) -> Tensors:
        return {name: values[place] for name, values in self.tensors.items()}

    def __getitems__(self, places: Sequence[int]) -> Tensors:
        """The batch of these items."""
        chosen = torch.tensor(places)
        return {name: values[chosen] for name, values in self.tensors.items()}


def as_it_is(batch: Tensors) -> Tensors:
    """A table's batch is ready."""
    return batch


def collate_images(items: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Rows to the autoencoder's batch."""
    return {"image": torch.stack([item["image"] for item in items])}


def collate_captioned(items: Sequence[Mapping[str, Any]], tokenizer: T5Tokenizer, length: int) -> Tensors:
    """Rows to the batch of `synthmed.medart.hldf.objective.MedArtObjective`."""
    ids, mask = encode(tokenizer, [item["caption"] for item in items], length)
    return {**collate_images(items), "ids": ids, "mask": mask}
