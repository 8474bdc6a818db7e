"""Tensors that are ready, as a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

Tree = dict[str, Any]
"""Tensors, or further trees, by name; items along the tensors' first axis."""


class TensorTable(Dataset[Tree]):
    """Tensors of which a batch is taken at once."""

    def __init__(self, tree: Tree, length: int) -> None:
        self.tree = tree
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, place: int) -> Tree:
        return _take(self.tree, place)

    def __getitems__(self, places: Sequence[int]) -> Tree:
        """The batch of these items."""
        return _take(self.tree, torch.tensor(places))


def as_it_is(batch: Tree) -> Tree:
    """A table's batch is ready."""
    return batch


def _take(tree: Mapping[str, Any], places: Any) -> Tree:
    return {key: _take(value, places) if isinstance(value, Mapping) else value[places] for key, value in tree.items()}
