"""The Fréchet distance between Gaussians, from streamed moments or, of few rows, from the rows themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

from synthmed.evaluation.corpora.groups import Places

Matrix = npt.NDArray[np.float64]
Rows = Callable[[Places], npt.NDArray[np.float32]]
_BLOCK = 1024


@dataclass(frozen=True)
class Moments:
    """Sums over n rows of x - s and (x - s)(x - s)ᵀ; two of them add up where the shift s is one."""

    n: int
    total: Matrix
    outer: Matrix
    shift: Matrix

    @classmethod
    def of(cls, rows: Rows, places: Places, shift: Matrix) -> Moments:
        """Read a thousand rows at a time; ``shift`` (d,) lies near the rows' mean, so that nothing cancels out."""
        total, outer = np.zeros_like(shift), np.zeros((len(shift), len(shift)))
        for start in range(0, len(places), _BLOCK):
            centred = rows(places[start : start + _BLOCK]).astype(np.float64) - shift
            total += centred.sum(0)
            outer += centred.T @ centred
        return cls(len(places), total, outer, shift)

    def without(self, others: Moments) -> Moments:
        """Of the rows that are not in ``others``."""
        return Moments(self.n - others.n, self.total - others.total, self.outer - others.outer, self.shift)

    def mean(self) -> Matrix:
        """(d,)."""
        return self.shift + self.total / self.n

    def covariance(self) -> Matrix:
        """(d, d), with n - 1, as numpy's and clean-fid's."""
        covariance: Matrix = (self.outer - np.outer(self.total, self.total) / self.n) / (self.n - 1)
        return covariance


def frechet(one: Moments, other: Moments) -> float:
    """|μ₁ - μ₂|² + Tr(C₁ + C₂ - 2 (C₁ C₂)^½) (Heusel et al., NeurIPS 2017).

    Tr (C₁ C₂)^½ is the sum of the square roots of the eigenvalues of Lᵀ C₂ L with C₁ = L Lᵀ, which is symmetric; the
    root of the product itself, which clean-fid takes, is slower and may come out complex.
    """
    first, second = one.covariance(), other.covariance()
    try:
        root = scipy.linalg.cholesky(first, lower=True)
    except np.linalg.LinAlgError:  # a feature that never moves, or one that follows from others
        values, vectors = scipy.linalg.eigh(first)
        root = vectors * np.sqrt(np.clip(values, 0, None))
    shared = scipy.linalg.eigvalsh(root.T @ second @ root)
    mixed = float(np.sqrt(np.clip(shared, 0, None)).sum())
    return float(((one.mean() - other.mean()) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * mixed)


def frechet_of_rows(x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> float:
    """The same of (n, d) and (m, d), at a cost that grows with n and m instead of d.

    With centred rows A and B, Tr (C₁ C₂)^½ is the sum of the singular values of A Bᵀ, over √((n - 1)(m - 1)).
    """
    first, second = x.astype(np.float64), y.astype(np.float64)
    gap = first.mean(0) - second.mean(0)
    a = (first - first.mean(0)) / np.sqrt(len(first) - 1)
    b = (second - second.mean(0)) / np.sqrt(len(second) - 1)
    mixed = scipy.linalg.svdvals(a @ b.T).sum()
    return float((gap**2).sum() + (a**2).sum() + (b**2).sum() - 2 * mixed)
