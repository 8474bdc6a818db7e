"""What each stage's loader indexes, item by item or a batch of ready tensors at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from synthmed.data.transforms.views import TwoViewsd
from synthmed.medm2g.config import TEXT
from synthmed.medm2g.tokenizer import Tokenizers, encode
from synthmed.medm2g.training.order import LABELS
from synthmed.medm2g.training.rows import Rows, stack
from synthmed.training.tensor_table import TensorTable, Tree


class FieldItems(Dataset[dict[str, torch.Tensor]]):
    """One field of one row after another, under one name.

    Attributes:
        places: (row, field) of each item.
        name: ``image`` or ``mask``.
    """

    def __init__(self, rows: Rows, fields: Sequence[str], name: str) -> None:
        self.rows = rows
        self.name = name
        self.places = [(index, field) for field in fields for index in rows.with_field(field)]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, place: int) -> dict[str, torch.Tensor]:
        return {self.name: self.rows.field(*self.places[place])}


class PairItems(Dataset[dict[str, Any]]):
    """Rows that have both members of a pair, as inputs of their prompt encoders under ``a`` and ``b``.

    Args:
        label_prompts: how often the labels' prompt is taken in a text's place.
        views: by side of an image, what adds ``<modality>.view1`` and ``.view2`` to an item.
    """

    def __init__(self, rows: Rows, pair: tuple[str, str], label_prompts: float, views: Mapping[str, TwoViewsd]) -> None:
        self.rows = rows
        self.sides = dict(zip("ab", pair, strict=True))
        self.label_prompts = label_prompts
        self.views = list(views.values())  # in a list, where the loader finds their random state
        self._viewed = list(views)
        self.indices = rows.with_all(*pair)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> dict[str, Any]:
        index = self.indices[place]
        item = self.rows[index]
        found: dict[str, Any] = {}
        for side, name in self.sides.items():
            if name == TEXT:
                found[side] = self._text(index, self.sides["b" if side == "a" else "a"])
                continue
            image = stack(item, self.rows.config.flow(name))
            found[side] = image
            if side in self._viewed:
                found |= two_views(self.views[self._viewed.index(side)], image, name, side)
        return found

    def _text(self, index: int, other: str) -> str:
        # Drawn from the global generator, which the loader seeds for each item.
        labels = float(torch.rand(())) < self.label_prompts
        chosen = (self.rows.label_prompt(index, other) if labels else None) or self.rows.prompt(index, other)
        assert chosen is not None
        return chosen


def two_views(views: TwoViewsd, image: torch.Tensor, modality: str, name: str) -> dict[str, torch.Tensor]:
    """``view1_<name>`` and ``view2_<name>`` of a modality's image, all in [-1, 1]."""
    two = views({modality: (image + 1) / 2})
    return {
        f"{view}_{name}": two[f"{modality}.{view}"].as_subclass(torch.Tensor) * 2 - 1 for view in ("view1", "view2")
    }


class Reports(Dataset[str]):
    """The texts of the rows that have one.

    Attributes:
        sizes: their characters; see `synthmed.training.batches.places`.
    """

    def __init__(self, rows: Rows) -> None:
        self.texts = tuple(text for text in map(rows.text, range(len(rows))) if text)
        self.sizes = tuple(map(len, self.texts))

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, place: int) -> str:
        return self.texts[place]


class RawPromptItems(Dataset[Tree]):
    """A table's items with the raw inputs of the prompt encoders that the diffusion loss trains, under ``inputs``.

    Args:
        table: an item each of ``indices``.
        indices: the row of each item of the table.
        conditions: whose inputs.
        modality: that they prompt.
        views: by condition, what adds ``view1_<condition>`` and ``view2_<condition>`` to an item.
    """

    def __init__(
        self,
        table: TensorTable,
        rows: Rows,
        indices: Sequence[int],
        conditions: Sequence[str],
        modality: str,
        views: Mapping[str, TwoViewsd],
    ) -> None:
        self.table, self.rows, self.modality = table, rows, modality
        self.indices = tuple(indices)
        self.conditions = tuple(conditions)
        self.views = list(views.values())  # in a list, where the loader finds their random state
        self._viewed = list(views)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, place: int) -> Tree:
        index = self.indices[place]
        item = self.rows[index]
        inputs: dict[str, Any] = {}
        seen: dict[str, torch.Tensor] = {}
        for condition in self.conditions:
            if condition == LABELS:
                inputs[condition] = self.rows.label_prompt(index, self.modality) or ""
            elif condition == TEXT:
                inputs[condition] = self.rows.prompt(index, self.modality) or ""
            else:
                inputs[condition] = stack(item, self.rows.config.flow(condition))
                if condition in self._viewed:
                    views = self.views[self._viewed.index(condition)]
                    seen |= two_views(views, inputs[condition], condition, condition)
        return {**self.table[place], "inputs": inputs, **seen}


def collate(items: Sequence[Any], tokenizer: PreTrainedTokenizerFast, length: int) -> Any:
    """Items to a batch: tensors stacked, texts as C_text's tokens, mappings entry by entry."""
    first = items[0]
    if isinstance(first, Mapping):
        return {key: collate([item[key] for item in items], tokenizer, length) for key in first}
    if isinstance(first, str):
        return encode(tokenizer, items, length)
    return torch.stack([torch.as_tensor(item) for item in items])


def collate_reports(texts: Sequence[str], tokenizers: Tokenizers, length: int) -> dict[str, torch.Tensor]:
    """Reports to the text autoencoder's batch."""
    batch: dict[str, torch.Tensor] = {}
    for role, tokenizer in (("encoder", tokenizers.encoder), ("decoder", tokenizers.decoder)):
        tokens = encode(tokenizer, texts, length)
        batch |= {f"{role}_ids": tokens["input_ids"], f"{role}_mask": tokens["attention_mask"]}
    return batch
