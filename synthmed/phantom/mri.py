"""Magnetic resonance: the spin-echo signal of every tissue, a coil's bias field and Rician noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthmed.phantom.axial import Map
from synthmed.phantom.filters import smooth
from synthmed.phantom.noise import normal
from synthmed.phantom.solids import Array
from synthmed.phantom.tissue import table
from synthmed.sample import Image

NOISE = 0.018
"""Standard deviation of the noise in each of the two channels, in units of the full scale."""


@dataclass(frozen=True)
class Contrast:
    """A spin-echo sequence: repetition and echo time in ms, and the signal that is shown as 1."""

    tr: float
    te: float
    full_scale: float


CONTRASTS = {
    "mri": Contrast(500.0, 12.0, 0.64),
    "mri.t2": Contrast(3500.0, 80.0, 0.58),
    "mri.pd": Contrast(3000.0, 20.0, 0.85),
}
"""By field name; the bare name is T1-weighted."""


def spin_echo(pd: Array, t1: Array, t2: Array, tr: float, te: float) -> Array:
    """S = PD (1 - exp(-TR / T1)) exp(-TE / T2), times in ms (Hahn 1950; TE much shorter than TR)."""
    return np.asarray(pd * (1 - np.exp(-tr / t1)) * np.exp(-te / t2))


def signal_table(name: str) -> Array:
    """The signal of every structure, by index, for the contrast of that field name, in units of the full scale."""
    contrast = CONTRASTS[name]
    signal = spin_echo(table("pd"), table("t1"), table("t2"), contrast.tr, contrast.te)
    return np.asarray(signal / np.float32(contrast.full_scale), dtype=np.float32)


SIGNAL: dict[str, Array] = {name: signal_table(name) for name in CONTRASTS}


def bias_field(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """(H, W) smooth factor about 1, within about ±20 %: a product of two slow waves and a tilt."""
    rows, columns = (np.linspace(-1, 1, count, dtype=np.float32) for count in shape)
    waves = rng.uniform(0.06, 0.12, 2).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, 2).astype(np.float32)
    down = 1 + waves[0] * np.sin(np.float32(2.2) * rows + phases[0])
    across = 1 + waves[1] * np.sin(np.float32(2.2) * columns + phases[1])
    return np.asarray(down[:, None] * across[None, :], dtype=np.float32)


def rician(signal: Array, sigma: float, rng: np.random.Generator) -> Array:
    """The magnitude of a complex signal whose two channels have Gaussian noise of ``sigma`` (Gudbjartsson 1995)."""
    channels = normal(rng, (2, *signal.shape))
    channels *= np.float32(sigma)
    channels[0] += signal
    channels *= channels
    return np.asarray(np.sqrt(channels[0] + channels[1]))


def magnitude(signal: Array) -> Array:
    """About the mean of the noisy magnitude: where there is no signal it is sqrt(pi / 2) sigma, not 0."""
    return np.asarray(np.sqrt(signal**2 + np.float32(np.pi / 2 * NOISE**2)))


def scan_mri(structures: Map, name: str, rng: np.random.Generator) -> Image:
    """(1, H, W) float32 in [0, 1] of the contrast ``mri``, ``mri.t2`` or ``mri.pd``."""
    signal = smooth(SIGNAL[name][structures]) * bias_field(structures.shape, rng)
    return np.clip(rician(signal, NOISE, rng), 0, 1)[None]
