"""The metric ``copy_rate``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from synthmed.evaluation.copying.alterations import ALTERATIONS, Alteration
from synthmed.evaluation.copying.correlation import CorrelationDetector
from synthmed.evaluation.copying.plant import COMBINED, Planted
from synthmed.evaluation.copying.search import Search, searches, sensitivities
from synthmed.evaluation.copying.threshold import ALARMS, Rate
from synthmed.evaluation.intervals import known
from synthmed.evaluation.metric import Context, Figure, Need

_NEARER = "share of images that are nearer to a training row than to a hold-out row; of hold-out rows: the floor"


@dataclass(frozen=True)
class CopyRate:
    """The share of synthetic images above the score that 99 % of hold-out patients' images stay below.

    Its floor is that share of other hold-out patients. Beside it stands the detector's sensitivity: how many altered
    copies of training images, planted by `plant.self_test`, it finds at that score.

    Attributes:
        planted: copies of each alteration.
        alterations: those that are planted; an autoencoder's pass can be added.
    """

    planted: int = 100
    alterations: Mapping[str, Alteration] = field(default_factory=lambda: ALTERATIONS)
    name: ClassVar[str] = "copy_rate"
    summary: ClassVar[str] = "share of images that show a training image again, with the sensitivity of the looking"
    goal: ClassVar[Literal["low", "high", "real"]] = "low"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset({"real", "train"})
    source: ClassVar[str] = "synthmed.evaluation.copying: registered local correlation, threshold by hold-out patients"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """Of each image that all three corpora have: the figures of each detector."""
        if context.real is None or context.train is None:
            return
        for image in context.synthetic.images:
            if not all(corpus.rows.get(image) for corpus in (context.synthetic, context.real, context.train)):
                continue
            for search in searches(context, image):
                planted = sensitivities(
                    search, context.train, image, self.alterations, planted=self.planted, seed=context.seed
                )
                yield _figure(search, image, "", search.copies, search.alarms, _note(search, planted))
                yield _figure(search, image, "nearer to training", search.drawn_to_training, search.nearer, _NEARER)
                for one in planted:
                    part, note = f"sensitivity to {one.alteration}", f"of planted copies, at {ALARMS:.0%} false alarms"
                    yield _figure(search, image, part, one.sensitivity, None, f"{note}; a higher share is better")


def _figure(search: Search, image: str, part: str, rate: Rate, floor: Rate | None, note: str) -> Figure:
    low, high = known(rate.interval())
    floor_low, floor_high = known(floor.interval()) if floor else (None, None)
    network = "" if isinstance(search.detector, CorrelationDetector) else search.detector.name
    return Figure(
        metric=CopyRate.name,
        part=" ".join(filter(None, ["embedding" if network else "", part])),
        scope={"image": image},
        value=rate.value if rate.n else None,
        n=rate.n,
        low=low,
        high=high,
        floor=floor.value if floor and floor.n else None,
        floor_low=floor_low,
        floor_high=floor_high,
        extractor=network,
        note=note,
    )


def _note(search: Search, planted: list[Planted]) -> str:
    """What was found, and by a detector of what sensitivity."""
    single = [one.sensitivity for one in planted if one.alteration != COMBINED]
    found = search.copies.found
    sensitivity = f"sensitivity {min(rate.value for rate in single):.2f} to {max(rate.value for rate in single):.2f}"
    what = "no copy found" if not found else f"{found} of {search.copies.n} scored as copies"
    held = f"threshold {search.limit:.3f} by {len(search.holdout.first)} hold-out images"
    return "; ".join(filter(None, [f"{what} at {sensitivity} by alteration", held, search.holdout.note]))
