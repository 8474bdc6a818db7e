"""KID: the kernel distance, the figure of choice below ten thousand rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpora.groups import Places
from synthmed.evaluation.features import features, take
from synthmed.evaluation.fidelity.deals import deals, real_of
from synthmed.evaluation.fidelity.estimate import Estimate, figure
from synthmed.evaluation.fidelity.mmd import kernel_distance
from synthmed.evaluation.metric import Context, Figure, Need


@dataclass(frozen=True)
class KID:
    """Kernel Inception distance, of any embedder's features, for each image and each label.

    Attributes:
        size: rows of a subset, at most.
        subsets: disjoint subsets that are averaged, at most; clean-fid draws 100 that overlap.
    """

    name: ClassVar[str] = "kid"
    summary: ClassVar[str] = "kernel distance of features (unbiased), beside real against real"
    goal: ClassVar[Literal["low", "high", "real"]] = "low"
    range: ClassVar[tuple[float, float]] = (-float("inf"), float("inf"))
    needs: ClassVar[frozenset[Need]] = frozenset({"real", "embedder"})
    source: ClassVar[str] = "Binkowski et al., ICLR 2018; clean-fid's kernel_distance"

    size: int = 1000
    subsets: int = 20

    def __call__(self, context: Context) -> Iterator[Figure]:
        """One figure an image, and one a label with enough rows."""
        real = real_of(context, self.name)
        for deal in deals(context, self.name, limit=self.size * self.subsets):
            if deal.problem:
                yield deal.refused(self.name, extractor=context.embedder.name)
                continue
            made = features(context.synthetic, deal.image, context.embedder, context.cache)
            seen = features(real, deal.image, context.embedder, context.cache)
            found = self._distance(made, deal.synthetic, seen, deal.reference, context.seed)
            floor = self._distance(seen, deal.other, seen, deal.reference, context.seed)
            yield figure(self.name, deal, found, floor, extractor=context.embedder.name)

    def _distance(
        self, x: npt.NDArray[np.float32], of_x: Places, y: npt.NDArray[np.float32], of_y: Places, seed: int
    ) -> Estimate:
        size = min(self.size, len(of_x))
        starts = range(0, len(of_x) - size + 1, size)
        pairs = ((take(x, of_x[start : start + size]), take(y, of_y[start : start + size])) for start in starts)
        return kernel_distance(pairs, seed=seed)
