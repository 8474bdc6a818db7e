"""Whether the grey values, Hounsfield units or colours of synthetic images are as frequent as in real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpora.batches import batches
from synthmed.evaluation.corpora.groups import Places
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.fidelity.deals import deals, real_of
from synthmed.evaluation.fidelity.estimate import Estimate, figure, jackknife
from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.fields import ImageField

Histograms = npt.NDArray[np.float64]
_GROUPS = 100
_LEVELS = 4096


@dataclass(frozen=True)
class Intensity:
    """Wasserstein-1 between the histograms of all pixels, in the image's unit (HU for CT), the channels' mean.

    Each image counts the same. The interval is the jackknife's over a hundred groups of images.
    """

    name: ClassVar[str] = "intensity"
    summary: ClassVar[str] = "Wasserstein distance of pixel values, in the image's unit (HU for CT)"
    goal: ClassVar[Literal["low", "high", "real"]] = "low"
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    needs: ClassVar[frozenset[Need]] = frozenset({"real"})
    source: ClassVar[str] = "scipy.stats.wasserstein_distance"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """One figure an image, on at most ``context.limit`` rows of each side."""
        real = real_of(context, self.name)
        for deal in deals(context, self.name, limit=context.limit, by_label=False):
            if deal.problem:
                yield deal.refused(self.name)
                continue
            field = context.synthetic.images[deal.image]
            made, other, reference = (
                histograms(corpus, deal.image, field, places)
                for corpus, places in (
                    (context.synthetic, deal.synthetic),
                    (real, deal.other),
                    (real, deal.reference),
                )
            )
            unit = "" if field.unit == "1" else f"in {field.unit}"
            found, floor = (_distance(each, reference, field) for each in (made, other))
            yield figure(self.name, deal, found, floor, note=unit)


def histograms(corpus: Corpus, image: str, field: ImageField, places: Places) -> Histograms:
    """(groups, channels, levels): the mean of the images' histograms, over the field's own levels, at most 4,096."""
    having = corpus.having(image)
    levels = min(field.levels + 1, _LEVELS)
    found = np.zeros((min(_GROUPS, len(places)), field.channels, levels))
    for part, pixels in batches(corpus, image, having[places]):
        at = np.clip(np.rint((pixels - field.low) / (field.high - field.low) * (levels - 1)), 0, levels - 1)
        for row, channels in enumerate(at.astype(np.int64).reshape(*pixels.shape[:2], -1), part.start):
            for channel, values in enumerate(channels):
                found[row % len(found), channel] += np.bincount(values, minlength=levels) / values.size
    return found


def wasserstein(one: Histograms, other: Histograms, step: float) -> float:
    """∫ |F₁ - F₂| of histograms (channels, levels) whose levels lie ``step`` apart; the channels' mean."""
    shares = [each / each.sum(-1, keepdims=True) for each in (one, other)]
    gap = np.abs(np.cumsum(shares[0] - shares[1], axis=-1))
    return float(gap[:, :-1].sum(-1).mean() * step)


def _distance(one: Histograms, other: Histograms, field: ImageField) -> Estimate:
    step = (field.high - field.low) / (one.shape[-1] - 1)

    def without(left: Places) -> float:
        return wasserstein(np.delete(one, left, 0).sum(0), np.delete(other, left, 0).sum(0), step)

    return jackknife(wasserstein(one.sum(0), other.sum(0), step), without, len(one), least=0.0)
