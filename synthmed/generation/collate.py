"""Batches of items whose fields may differ in size from sample to sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.data import list_data_collate

_RAGGED = ("box", "label")


def collate(items: Sequence[Any]) -> dict[str, Any]:
    """Items to a batch: MONAI's own collation, but ``box``, ``label`` and tensors of unequal shapes stay lists.

    Args:
        items: dictionaries with the same keys, or lists of them (as MONAI's multi-crop transforms give).
    """
    flat = [part for item in items for part in item] if isinstance(items[0], list) else list(items)
    ragged = {name: [item[name] for item in flat] for name in flat[0] if _is_ragged(name, flat)}
    even = [{name: value for name, value in item.items() if name not in ragged} for item in flat]
    return {**(list_data_collate(even) if even[0] else {}), **ragged}


def _is_ragged(name: str, items: Sequence[dict[str, Any]]) -> bool:
    return name in _RAGGED or len({item[name].shape for item in items if isinstance(item[name], torch.Tensor)}) > 1
