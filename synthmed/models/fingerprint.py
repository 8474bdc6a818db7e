"""What a model is, as one number: its configuration and every tensor's bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch


def fingerprint(config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> str:
    """sha256 over the canonical JSON of ``config`` and each tensor's name, dtype, shape and bytes, by name."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":"), default=list).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"\0{name}:{tensor.dtype}:{tuple(tensor.shape)}:".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
