"""Which weights a stage changes, and the proof that it changed no other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

import torch
from torch import nn

from synthmed.errors import UserError


def train_only(modules: nn.ModuleDict, patterns: Sequence[str]) -> list[str]:
    """Let the parameters that match a pattern require gradients, and no others.

    Args:
        modules: networks by name; a parameter's name begins with its network's (``unet.conv_in.weight``).
        patterns: shell patterns (`fnmatch`: ``unet.*attn2*``), upper and lower case told apart.

    Returns:
        The names of the trained parameters.

    Raises:
        UserError: a pattern matches nothing, with the nearest name. Nothing is changed then.
    """
    names = [name for name, _ in modules.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UserError(f"no parameter matches {pattern!r}; the nearest is {_nearest(pattern, names)}")
    chosen = []
    for name, parameter in modules.named_parameters():
        parameter.requires_grad_(any(fnmatchcase(name, pattern) for pattern in patterns))
        if parameter.requires_grad:
            chosen.append(name)
    return chosen


def digest(module: nn.Module) -> dict[str, str]:
    """SHA-256 of each parameter's and buffer's dtype, shape and bytes, by its name."""
    return {
        name: hashlib.sha256(
            f"{tensor.dtype} {tuple(tensor.shape)} ".encode()
            + tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        ).hexdigest()
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]
    }


def _nearest(pattern: str, names: Sequence[str]) -> str:
    """A message with all names of a large network would help nobody."""
    if not names:
        return "none: the networks have no parameters"
    plain = pattern.replace("*", "")
    return get_close_matches(plain, names, n=1, cutoff=0.0)[0]
