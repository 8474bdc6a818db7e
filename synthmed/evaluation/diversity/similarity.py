"""MS-SSIM between pairs of images, with as many scales as their size allows."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import torch
from monai.metrics.regression import compute_ms_ssim

from synthmed.evaluation.corpora.groups import Places

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
LEAST = 48


def scales(side: int) -> int:
    """How many of the five scales an 11 x 11 window fits into: 5 from 176 pixels on, 4 from 99, 3 from 48, else 0."""
    if side < LEAST:
        return 0
    return next((count for count, least in ((5, 176), (4, 99)) if side >= least), 3)


def ms_ssim(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(n,) multi-scale structural similarity of (n, C, H, W) in [0, 1], 1 for equal images (Wang et al., 2003).

    With fewer than five scales the first weights are taken and brought to the sum of 1.
    """
    weights = np.array(WEIGHTS[: scales(min(one.shape[2:]))])
    found = compute_ms_ssim(
        torch.from_numpy(one),
        torch.from_numpy(other),
        spatial_dims=2,
        data_range=1.0,
        weights=tuple(weights / weights.sum()),
    )
    values: npt.NDArray[np.float64] = found.flatten().double().numpy()
    return values


def random_pairs(n: int, count: int, rng: np.random.Generator) -> Places:
    """(count, 2) places of different rows; all pairs once where there are no more than ``count``."""
    if n * (n - 1) // 2 <= count:
        return np.stack(np.triu_indices(n, 1), axis=1).astype(np.int64)
    first = rng.integers(0, n, count)
    return np.stack([first, (first + rng.integers(1, n, count)) % n], axis=1)


def pairs_within(codes: npt.NDArray[np.int32], count: int, rng: np.random.Generator) -> Places:
    """(at most count, 2) places of rows with one code; each code counts the same. Rows of code -1 are left out.

    A code gives its pairs in turn with the others, so that no large group hides the small ones.
    """
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) != 0, True])
    members = [order[start:stop] for start, stop in itertools.pairwise(starts) if codes[order[start]] >= 0]
    members = [rows for rows in members if len(rows) > 1]
    if not members:
        return np.zeros((0, 2), np.int64)
    share = -(-count // len(members))
    drawn = [rows[random_pairs(len(rows), share, rng)] for rows in members]
    found: Places = np.concatenate(drawn)
    return found if len(found) <= count else found[rng.permutation(len(found))[:count]]
