"""The Vendi score: how many different images a set is worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import scipy.linalg

from synthmed.evaluation.features import features, take
from synthmed.evaluation.fidelity.deals import deals, real_of
from synthmed.evaluation.fidelity.estimate import Estimate, figure, jackknife
from synthmed.evaluation.metric import Context, Figure, Need


@dataclass(frozen=True)
class Vendi:
    """exp of the entropy of the similarity matrix's eigenvalues, with the cosine of features, for image and label.

    It lies between 1, all images alike, and n. It grows with n, so the floor is that of as many real rows.
    """

    name: ClassVar[str] = "vendi"
    summary: ClassVar[str] = "effective number of different images, beside that of as many real ones"
    goal: ClassVar[Literal["low", "high", "real"]] = "real"
    range: ClassVar[tuple[float, float]] = (1.0, float("inf"))
    needs: ClassVar[frozenset[Need]] = frozenset({"real", "embedder"})
    source: ClassVar[str] = "Friedman & Dieng, TMLR 2023"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """One figure an image, and one a label with enough rows; on at most ``context.limit`` rows."""
        real = real_of(context, self.name)
        for deal in deals(context, self.name, limit=context.limit):
            if deal.problem:
                yield deal.refused(self.name, extractor=context.embedder.name)
                continue
            made = take(features(context.synthetic, deal.image, context.embedder, context.cache), deal.synthetic)
            seen = take(features(real, deal.image, context.embedder, context.cache), deal.other)
            yield figure(self.name, deal, _estimate(made), _estimate(seen), extractor=context.embedder.name)


def vendi(values: npt.NDArray[np.float32]) -> float:
    """exp(-Σ λ log λ) of the eigenvalues of K / n, K the cosines between rows (n, d) (Friedman & Dieng, eq. 1)."""
    rows = values.astype(np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    # X Xᵀ and Xᵀ X have the same eigenvalues but for zeros.
    gram = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
    shares = scipy.linalg.eigvalsh(gram / len(rows))
    shares = shares[shares > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _estimate(values: npt.NDArray[np.float32]) -> Estimate:
    return jackknife(vendi(values), lambda left: vendi(np.delete(values, left, 0)), len(values), least=1.0)
