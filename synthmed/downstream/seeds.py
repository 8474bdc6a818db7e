"""Random numbers of a part of a cell: a function of its seed alone, and the caller's are given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from synthmed.training.randomness import own_randomness, seed_globals


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed the global generators of torch, NumPy and Python within, and give them back as they were."""
    with own_randomness(device or torch.device("cpu")):
        seed_globals(seed)
        yield
