"""Whether an image's own text can be found among others, and the other way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.agreement.space import AlignedSpace
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.intervals import Places, bootstrap, known, other_rows, subsets
from synthmed.evaluation.metric import Context, Figure, Need

_BATCH = 64
_TIE = 1e-6
"""Cosines nearer than this are equal: a matrix product rounds equal rows differently at its edges."""


def ranks(queries: npt.NDArray[np.floating], candidates: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The rank, from 1, of each query's own candidate (the row of the same place) by the cosine.

    A tie counts half, so that a space that puts all at one point ranks in the middle and not first.

    Args:
        queries, candidates: (n, width), of any length but 0.
    """
    near, far = (values / np.linalg.norm(values, axis=1, keepdims=True) for values in (queries, candidates))
    found = []
    for start in range(0, len(near), 1024):
        likeness = near[start : start + 1024] @ far.T
        own = likeness[np.arange(len(likeness)), start + np.arange(len(likeness))][:, None]
        tied = (np.abs(likeness - own) <= _TIE).sum(axis=1) - 1
        found.append(1 + (likeness > own + _TIE).sum(axis=1) + tied / 2)
    return np.concatenate(found)


@dataclass(frozen=True)
class Retrieval:
    """Recall at k and the median rank, from text to image and from image to text, in a given space.

    One row of each text stands among the candidates: of rows that share a text none could be told to be the right one.
    The floor is the same for as many real rows; ``shuffled`` is the recall where every text has another row's image.

    Args:
        top: the k of recall at k.
        draws: of each interval, over the queries.
    """

    top: tuple[int, ...] = (1, 5, 10)
    draws: int = 1000

    name: ClassVar[str] = "retrieval"
    summary: ClassVar[str] = "texts find their images and images their texts, in an aligned space"
    goal: ClassVar[Literal["low", "high", "real"]] = "high"
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    needs: ClassVar[frozenset[Need]] = frozenset({"report", "space"})
    source: ClassVar[str] = "recall at k of Hodosh, Young and Hockenmaier (JAIR 47, 2013)"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """Recalls and median ranks of each image, in both directions; part ``image to text R@1``."""
        space: AlignedSpace | None = context.space
        if space is None:
            yield Figure(self.name, note="no aligned space was given")
            return
        for image in context.synthetic.images:
            if not space.has(image):
                yield Figure(self.name, scope={"image": image}, extractor=space.name, note=f"it knows no {image}")
                continue
            size = context.limit
            real = None
            if context.real is not None and image in context.real.images:
                real = _distinct(context.real, image)
                size = min(size, len(real)) if len(real) > 1 else size
            rows = _some(_distinct(context.synthetic, image), size, context.seed)
            if len(rows) < 2:
                yield Figure(self.name, scope={"image": image}, note="fewer than two rows with different texts")
                continue
            figures = list(self._figures(space, context.synthetic, image, rows, context.seed))
            if real is not None and len(real) >= len(rows):
                assert context.real is not None
                floors = self._figures(space, context.real, image, _some(real, len(rows), context.seed), context.seed)
                figures = [
                    replace(figure, floor=floor.value, floor_low=floor.low, floor_high=floor.high)
                    for figure, floor in zip(figures, floors, strict=True)
                ]
            yield from figures

    def _figures(self, space: AlignedSpace, corpus: Corpus, image: str, rows: list[int], seed: int) -> Iterator[Figure]:
        n, texts, images = len(rows), [], []
        for start in range(0, n, _BATCH):
            batch = rows[start : start + _BATCH]
            texts.append(space.texts([facts.report or "" for facts in corpus.facts(batch)]))
            images.append(space.images(corpus.images[image], corpus.pixels(image, batch)))
        text, picture = np.concatenate(texts), np.concatenate(images)
        for way, one, other in (("text to image", text, picture), ("image to text", picture, text)):
            found, control = ranks(one, other), ranks(one, other[other_rows(n, seed)])
            for k in self.top:
                if k < n:
                    note = f"{n:,} candidates: chance {k / n:.4f}, shuffled {(control <= k).mean():.4f}"
                    figure = self._figure(f"{way} R@{k}", image, _mean((found <= k).astype(float)), n, seed, note)
                    yield replace(figure, extractor=space.name)
            note = f"{n:,} candidates: chance {(n + 1) / 2:,.1f}, shuffled {np.median(control):,.1f}; low is good"
            figure = self._figure(f"{way} median rank", image, _median(found), n, seed, note)
            yield replace(figure, extractor=space.name)

    def _figure(self, part: str, image: str, value: Callable[[Places], float], n: int, seed: int, note: str) -> Figure:
        low, high = known(bootstrap(value, n, draws=self.draws, seed=seed))
        scope = {"image": image}
        return Figure(self.name, part, scope, value(np.arange(n)), n, low, high, note=note)


def _mean(values: npt.NDArray[np.float64]) -> Callable[[Places], float]:
    return lambda rows: float(values[rows].mean())


def _median(values: npt.NDArray[np.float64]) -> Callable[[Places], float]:
    return lambda rows: float(np.median(values[rows]))


def _some(rows: list[int], most: int, seed: int) -> list[int]:
    if len(rows) <= most:
        return rows
    return [rows[place] for place in next(subsets(len(rows), most, draws=1, seed=seed))]


def _distinct(corpus: Corpus, image: str) -> list[int]:
    """The first row of each text among the rows with that image."""
    first: dict[str, int] = {}
    places = corpus.having(image).tolist()
    for start in range(0, len(places), 1024):
        batch = places[start : start + 1024]
        for place, facts in zip(batch, corpus.facts(batch), strict=True):
            if facts.report:
                first.setdefault(facts.report, place)
    return list(first.values())
