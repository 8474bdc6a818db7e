"""Every random number of a run is a function of (seed, what it is for, where in the run): no state is ever stored."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What a random number is for; the streams of one seed share nothing."""

    ORDER = 0
    ITEM = 1
    NOISE = 2
    LAYERS = 3
    EVALUATION = 4
    WINDOW = 5


def derive(seed: int, stream: Stream, *place: int) -> int:
    """A seed of 63 bits that depends on these numbers alone, mixed by NumPy's SeedSequence."""
    state = np.random.SeedSequence(seed, spawn_key=(stream, *place)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def seed_globals(seed: int) -> None:
    """Seed the global generators of torch (all devices), NumPy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Give the caller's global generators back as they were."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)
