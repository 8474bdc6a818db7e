"""Computed tomography: structures to Hounsfield units, with a scanner's blur and correlated noise."""

from __future__ import annotations

import numpy as np

from synthmed.phantom.axial import Map
from synthmed.phantom.filters import smooth
from synthmed.phantom.noise import normal
from synthmed.phantom.solids import Array
from synthmed.phantom.tissue import table
from synthmed.sample import Image

HU: Array = table("hu")
NOISE = 16.0
"""Standard deviation in HU of the noise in soft tissue."""


def hounsfield(structures: Map) -> Array:
    """(H, W) structure map to noiseless, sharp HU, float32."""
    return HU[structures]


def scan_ct(structures: Map, rng: np.random.Generator) -> Image:
    """(1, H, W) float32 HU in [-1024, 3071].

    The noise is white noise less half its own local mean, plus a smooth part: a reconstruction filter's ramp leaves
    little noise at the lowest frequencies and its apodisation little at the highest. Its standard deviation is `NOISE`.
    """
    white = normal(rng, structures.shape)
    once = smooth(white)
    coloured = once - 0.6 * smooth(smooth(once))
    noise = coloured * np.float32(NOISE / 0.26359)
    return np.asarray(np.clip(smooth(hounsfield(structures)) + noise, -1024, 3071), dtype=np.float32)[None]
