"""Which conditions are used, and which groups of a latent are given clean."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from synthmed.training.noise import chances


def random_subset(exists: torch.Tensor, generator: torch.Generator, *, proper: bool = False) -> torch.Tensor:
    """A uniformly drawn non-empty subset of each row's existing members; empty where there is none.

    With two members each of them, and both, have equal chance: MedCoDi-M's choice of image, text or their average.

    Args:
        exists: (B, K) bool, K of at most 52.
        generator: gives one number a row.
        proper: leave at least one member out; empty where a row has fewer than two.

    Returns:
        (B, K) bool.
    """
    members = exists.sum(dim=1)
    choices = (2**members - (2 if proper else 1)).clamp_min(0)
    share = torch.rand(len(exists), generator=generator, device=generator.device, dtype=torch.float64)
    # The subset's number, from 1: its bits are the members in their order.
    number = (share.to(exists.device) * choices).long() + (choices > 0)
    rank = (exists.cumsum(dim=1) - 1).clamp_min(0)
    return exists & ((number[:, None] >> rank) & 1).bool()


def draw_given(present: torch.Tensor, probability: float | Sequence[float], generator: torch.Generator) -> torch.Tensor:
    """Which present groups an item is given clean; never all of them.

    Args:
        present: (B, G) bool, the groups that a record has.
        probability: that an item is given any: then a random non-empty proper subset of what it has. Or one
            probability a group: each is given by itself, except that of an item's groups one drawn at random stays to
            be made where all would be given.
        generator: gives the same count of numbers whatever is present.

    Returns:
        (B, G) bool.

    Raises:
        ValueError: another number of probabilities than groups.
    """
    items, groups = present.shape
    if isinstance(probability, (int, float)):
        subset = random_subset(present, generator, proper=True)
        return subset & chances(items, probability, generator, present.device)[:, None]
    if len(probability) != groups:
        raise ValueError(f"{len(probability)} probabilities for {groups} groups")
    odds = torch.tensor(probability, device=present.device)
    draws = torch.rand(2, items, groups, generator=generator, device=generator.device).to(present.device)
    given = present & (draws[0] < odds)
    kept = torch.where(present, draws[1], -1.0).argmax(dim=1, keepdim=True)
    all_given = (given == present).all(dim=1, keepdim=True)
    return given & ~(all_given & torch.zeros_like(given).scatter(1, kept, True))
