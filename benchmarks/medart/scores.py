"""What the proofs measure of images: colours, saturation, and distances between sets by a judge's features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from cleanfid.fid import frechet_distance, kernel_distance
from scipy import stats

from synthmed.medart.captions.embedded.lab import to_lab

CHANNELS = ("red", "green", "blue")
COLOURS = (*(f"mean {name}" for name in CHANNELS), *(f"deviation {name}" for name in CHANNELS), "saturation", "chroma")


def colours(images: torch.Tensor) -> np.ndarray:
    """(n, 8) of images (n, 3, H, W) in [0, 1], in the order of `COLOURS`.

    Means and deviations of each channel over the image; the mean of HSV's saturation, (max - min) / max; the mean of
    CIELAB's chroma, √(a*² + b*²).
    """
    values = images.clamp(0, 1).double()
    high, low = values.amax(1), values.amin(1)
    saturation = torch.where(high > 0, (high - low) / high.clamp(min=1e-12), 0.0).mean(dim=(1, 2))
    chroma = [
        np.hypot(*np.moveaxis(to_lab(255 * image.permute(1, 2, 0).numpy())[..., 1:], -1, 0)).mean() for image in values
    ]
    columns = [values.mean(dim=(2, 3)), values.std(dim=(2, 3)), saturation[:, None], torch.tensor(chroma)[:, None]]
    return torch.cat(columns, dim=1).numpy()


def channel_errors(made: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Of `colours`: how far the sets' average means, and average deviations, are apart; the mean over the channels."""
    distance = np.abs(made.mean(0) - real.mean(0))
    return float(distance[:3].mean()), float(distance[3:6].mean())


def kid(made: np.ndarray, real: np.ndarray) -> float:
    """KID by clean-fid: the mean of 100 subsets of the smaller set's size, at most 1,000; raw, not × 1,000."""
    np.random.seed(0)  # clean-fid draws its subsets from the global generator
    return float(kernel_distance(made, real))


def fd(made: np.ndarray, real: np.ndarray) -> float:
    """Fréchet distance by clean-fid. With fewer images than features it is biased: compare at equal n."""
    return float(frechet_distance(made.mean(0), np.cov(made, rowvar=False), real.mean(0), np.cov(real, rowvar=False)))


def bootstrap(value: Callable[[np.random.Generator], float], draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """A 95 % percentile interval of what ``value`` gives for resampled items."""
    rng = np.random.default_rng(seed)
    low, high = np.percentile([value(rng) for _ in range(draws)], (2.5, 97.5))
    return float(low), float(high)


def difference(made: list[np.ndarray], real: np.ndarray, column: int) -> tuple[float, float, float]:
    """Generated minus real in one of `COLOURS`, with its interval: seeds, images and real images are resampled."""

    def once(rng: np.random.Generator) -> float:
        chosen = [made[place] for place in rng.integers(0, len(made), len(made))]
        drawn = [part[rng.integers(0, len(part), len(part)), column].mean() for part in chosen]
        return float(np.mean(drawn) - real[rng.integers(0, len(real), len(real)), column].mean())

    value = float(np.mean([part[:, column].mean() for part in made]) - real[:, column].mean())
    return value, *bootstrap(once)


def spread(values: Sequence[float], digits: int) -> str:
    """Mean ± deviation."""
    text = f"{np.mean(values):.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {np.std(values, ddof=1):.{digits}f}"


def paired(row: Sequence[float], full: Sequence[float], digits: int) -> str:
    """The mean difference over seeds with its 95 % t interval; "" of a row to itself, or of one seed."""
    differences = np.subtract(row, full)
    if row is full or len(row) < 2:
        return ""
    half = float(stats.t.ppf(0.975, len(row) - 1) * stats.sem(differences))
    mean = float(differences.mean())
    shown = "" if abs(mean) > half else ", not shown"
    return f"{mean:+.{digits}f} ({mean - half:+.{digits}f} to {mean + half:+.{digits}f}{shown})"
