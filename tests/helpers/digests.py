"""The proof that a stage changed what it should, and nothing else."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def digest(module: nn.Module) -> dict[str, str]:
    """SHA-256 of each parameter's and buffer's dtype, shape and bytes, by its name."""
    return {
        name: hashlib.sha256(
            f"{tensor.dtype} {tuple(tensor.shape)} ".encode()
            + tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        ).hexdigest()
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]
    }
