"""The radiograph: from optical depth to what a digital detector and its display curve make of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthmed.phantom.filters import smooth, unsharp
from synthmed.phantom.noise import normal
from synthmed.phantom.projection import Film
from synthmed.phantom.solids import Array
from synthmed.sample import Image

PHOTONS = 60_000.0
"""Detected photons a pixel in the unattenuated beam."""
SCATTER = 0.15
"""Scattered radiation as a fraction of the mean transmission behind the body."""


@dataclass(frozen=True)
class Exposure:
    """How one film's signal becomes grey.

    Attributes:
        scatter: the uniform scattered signal, in units of the unattenuated beam.
        low, high: the log signals that become black and white.
    """

    scatter: float
    low: float
    high: float

    @classmethod
    def of(cls, film: Film) -> Exposure:
        """Set by the film itself, as automatic exposure is: lungs dark, spine and abdomen bright."""
        # A ninth of the pixels is enough to set it by, and the log signal rises with the depth.
        sparse = film.depth[::3, ::3][film.body[::3, ::3]]
        depth = np.sort(sparse if len(sparse) > 100 else film.depth.ravel())
        scatter = SCATTER * float(np.exp(-depth).mean())
        low, high = (float(depth[int(part * (len(depth) - 1))]) for part in (0.03, 0.985))
        black, white = (-float(np.log(np.exp(-at) + scatter)) for at in (low, high))
        # A given mask may be a body of one thickness, which has no range of its own.
        return cls(scatter, black, max(white, black + 0.5))

    def log_signal(self, depth: Array) -> Array:
        """-log of the noiseless signal behind an optical depth."""
        return np.asarray(-np.log(np.exp(-depth) + np.float32(self.scatter)))

    def tone(self, log_signal: Array) -> Array:
        """Log signal to grey in [0, 1]: rising, steepest in the middle."""
        u = (log_signal - np.float32(self.low)) / np.float32(self.high - self.low)
        return np.asarray(1 / (1 + np.exp(np.float32(-4.4) * (u - np.float32(0.52)))), dtype=np.float32)

    def noise(self, depth: Array) -> Array:
        """Standard deviation of the log signal: Poisson's, 1 / sqrt(photons)."""
        return np.asarray(1 / np.sqrt(PHOTONS * (np.exp(-depth) + np.float32(self.scatter))))


def expose(film: Film, exposure: Exposure, rng: np.random.Generator) -> Image:
    """(1, H, W) float32 in [0, 1], bone bright."""
    signal = smooth(np.exp(-film.depth)) + np.float32(exposure.scatter)
    noise = normal(rng, signal.shape) * np.sqrt(signal / np.float32(PHOTONS))
    log_signal = -np.log(np.maximum(signal + noise, np.float32(1e-5)))
    grey = exposure.tone(unsharp(log_signal))
    return np.asarray(grey, dtype=np.float32)[None]
