"""FID: the Fréchet distance of features, which depends on n as much as on the images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpora.groups import Places
from synthmed.evaluation.features import features, take
from synthmed.evaluation.fidelity.deals import deals, real_of
from synthmed.evaluation.fidelity.estimate import Estimate, figure, jackknife
from synthmed.evaluation.fidelity.frechet import Moments, frechet, frechet_of_rows
from synthmed.evaluation.metric import Context, Figure, Need

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FID:
    """Fréchet distance of any embedder's features, for each image and each label, with as many rows on each side."""

    name: ClassVar[str] = "fid"
    summary: ClassVar[str] = "Fréchet distance of features, beside real against real at the same n"
    goal: ClassVar[Literal["low", "high", "real"]] = "low"
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    needs: ClassVar[frozenset[Need]] = frozenset({"real", "embedder"})
    source: ClassVar[str] = "Heusel et al., NeurIPS 2017; clean-fid's frechet_distance"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """One figure an image, and one a label with enough rows."""
        real = real_of(context, self.name)
        for deal in deals(context, self.name):
            if deal.problem:
                yield deal.refused(self.name, extractor=context.embedder.name)
                continue
            made = features(context.synthetic, deal.image, context.embedder, context.cache)
            seen = features(real, deal.image, context.embedder, context.cache)
            found = fid(made, deal.synthetic, seen, deal.reference)
            floor = fid(seen, deal.other, seen, deal.reference)
            few = f"n is below the {context.embedder.width} features: biased upwards, as is its floor"
            note = few if deal.n <= context.embedder.width else ""
            yield figure(self.name, deal, found, floor, extractor=context.embedder.name, note=note)


def fid(x: Values, of_x: Places, y: Values, of_y: Places) -> Estimate:
    """The distance between n rows of each, with a jackknife interval over both sides at once."""
    n = len(of_x)
    if n <= x.shape[1]:
        first, second = take(x, of_x), take(y, of_y)
        return jackknife(
            frechet_of_rows(first, second),
            lambda left: frechet_of_rows(np.delete(first, left, 0), np.delete(second, left, 0)),
            n,
            least=0.0,
        )
    shift = take(y, of_y[:1000]).astype(np.float64).mean(0)

    def moments(values: Values, places: Places) -> Moments:
        return Moments.of(lambda part: take(values, part), places, shift)

    one, other = moments(x, of_x), moments(y, of_y)
    return jackknife(
        frechet(one, other),
        lambda left: frechet(one.without(moments(x, of_x[left])), other.without(moments(y, of_y[left]))),
        n,
        least=0.0,
    )
