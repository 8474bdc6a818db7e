"""Noise that is a function of a sample's seed alone, not of its place in a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch


def seeded_noise(seeds: Sequence[int], shape: Sequence[int], *purpose: str | int) -> torch.Tensor:
    """Standard normal (len(seeds), *shape), float32 on the CPU; row i is a function of seeds[i] and the purpose.

    Args:
        purpose: what the noise is for, as in ``"xray", "step", 3``; another purpose is independent noise.
    """
    rows = [torch.randn(*shape, generator=torch.Generator().manual_seed(_mixed(seed, purpose))) for seed in seeds]
    return torch.stack(rows)


def _mixed(seed: int, purpose: Sequence[str | int]) -> int:
    digest = hashlib.sha256("\0".join(map(str, (seed, *purpose))).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
