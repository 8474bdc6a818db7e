"""The prompt of each item: some of its conditions, or none."""

from __future__ import annotations

import torch

from synthmed.medm2g.objectives.subsets import random_subset
from synthmed.training.noise import chances


def choose_condition(
    conditions: torch.Tensor, has: torch.Tensor, null: torch.Tensor, drop: float, generator: torch.Generator
) -> torch.Tensor:
    """The average of a random non-empty subset of each item's conditions (`random_subset`), or the null token.

    As in CoDi the average is not brought to length 1 again.

    Args:
        conditions: (B, K, 1, dim) tokens of length 1; anything where there is none.
        has: (B, K) bool, which exist.
        null: (1, 1, dim), for items without a condition and, with probability ``drop``, for others: classifier-free
            guidance (Ho and Salimans 2021) needs it.

    Returns:
        (B, 1, dim).
    """
    chosen = random_subset(has, generator)
    dropped = chances(len(has), drop, generator, has.device)
    tokens = torch.where(chosen[:, :, None, None], conditions, 0.0)
    average = tokens.sum(dim=1) / chosen.sum(dim=1).clamp_min(1)[:, None, None]
    return torch.where((dropped | ~chosen.any(dim=1))[:, None, None], null.to(average), average)
