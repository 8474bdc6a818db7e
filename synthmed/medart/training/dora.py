"""Weights that DoRA can divide by."""

from __future__ import annotations

import torch
from torch import nn

from synthmed.medart.lora import LoraSpec

_TINY = 1e-12


@torch.no_grad()
def lift_zero_rows(module: nn.Module, spec: LoraSpec) -> int:
    """Give rows of the targets' weights that are exactly 0 the entries 1e-12, in place.

    DoRA (2402.09353, equation 5) divides by each row's length, and 0 / 0 is no number. A new base has such rows, as
    PixArt's outputs begin as 0. What the module computes changes by less than float32 rounds.

    Returns:
        how many rows.
    """
    lifted = 0
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear) and any(_meant(name, target) for target in spec.targets_of(module)):
            zero = layer.weight.abs().amax(dim=1) == 0
            layer.weight[zero] = _TINY
            lifted += int(zero.sum())
    return lifted


def _meant(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")
