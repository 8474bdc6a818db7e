"""Fast standard normal noise by table: two random bytes a number, the rest is a look-up."""

from __future__ import annotations

import functools
from statistics import NormalDist

import numpy as np

from synthmed.phantom.solids import Array

_LEVELS = 2**16


@functools.cache
def _quantiles() -> Array:
    """(65536,) the normal distribution's quantiles at the middles of equal steps, scaled to a variance of exactly 1."""
    normal = NormalDist()
    upper = np.array([normal.inv_cdf((k + 0.5) / _LEVELS) for k in range(_LEVELS // 2, _LEVELS)])
    values = np.concatenate([-upper[::-1], upper])
    return np.asarray(values / values.std(), dtype=np.float32)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Independent standard normal float32, exact to the table's step: at most 4.3 in size.

    About five times faster than the generator's own, whose time would be half of a patient's.
    """
    levels = np.frombuffer(rng.bytes(2 * int(np.prod(shape))), dtype="<u2")
    return _quantiles().take(levels, mode="wrap").reshape(shape)
