"""The kernel distance between two sets of features, and its interval."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.fidelity.estimate import Estimate

Features = npt.NDArray[np.float32]


def kernel(x: Features, y: Features) -> npt.NDArray[np.float64]:
    """(x · y / d + 1)³ of every pair (Binkowski et al., ICLR 2018): (n, m)."""
    cubed: npt.NDArray[np.float64] = ((x @ y.T).astype(np.float64) / x.shape[1] + 1) ** 3
    return cubed


def kernel_distance(subsets: Iterable[tuple[Features, Features]], *, draws: int = 200, seed: int = 0) -> Estimate:
    """KID: the unbiased squared MMD, averaged over subsets of n rows of each side, as clean-fid averages it.

    The interval is the bootstrap's over the rows of every subset. A row that is drawn twice is not paired with itself,
    so the draws lie around the value; at a distance near zero the interval is somewhat too wide, never too narrow,
    since the statistic is degenerate there (Arcones & Giné, Annals of Statistics 20, 1992).

    Args:
        subsets: pairs of (n, d), n ≥ 2, of rows that no other subset has.
    """
    rng = np.random.default_rng(seed)
    values: list[float] = []
    drawn = np.zeros(draws)
    for x, y in subsets:
        kernels = kernel(x, x), kernel(y, y), kernel(x, y)
        values.append(float(_mmd(*kernels, np.ones((1, len(x))), np.ones((1, len(y))))[0]))
        times = [rng.multinomial(n, np.full(n, 1 / n), draws).astype(np.float64) for n in (len(x), len(y))]
        drawn += _mmd(*kernels, *times)
    low, high = np.quantile(drawn / len(values), [0.025, 0.975])
    return Estimate(float(np.mean(values)), float(low), float(high))


def _mmd(
    xx: npt.NDArray[np.float64],
    yy: npt.NDArray[np.float64],
    xy: npt.NDArray[np.float64],
    w: npt.NDArray[np.float64],
    v: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Of each row of weights: means of the kernel over pairs of different rows, within x, within y, and between."""
    between = ((w @ xy) * v).sum(1) / (w.sum(1) * v.sum(1))
    distance: npt.NDArray[np.float64] = _within(xx, w) + _within(yy, v) - 2 * between
    return distance


def _within(k: npt.NDArray[np.float64], w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    pairs: npt.NDArray[np.float64] = ((w @ k) * w).sum(1) - w**2 @ np.diag(k)
    weights: npt.NDArray[np.float64] = w.sum(1) ** 2 - (w**2).sum(1)
    return pairs / weights
