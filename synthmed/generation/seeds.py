"""Where every sample's randomness comes from."""

from __future__ import annotations

import numpy as np


def sample_seed(seed: int, index: int, attempt: int = 0) -> int:
    """The noise seed of one attempt at one sample: 63 bits that depend on these three numbers alone.

    NumPy's SeedSequence mixes them, so neighbouring datasets, samples and attempts share nothing.
    """
    state = np.random.SeedSequence(seed, spawn_key=(index, attempt)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
