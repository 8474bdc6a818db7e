"""Grids of a report: what the images look like, beside the real ones that are nearest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from synthmed.evaluation.copying.embedding import EmbeddingDetector
from synthmed.evaluation.copying.matches import Matches
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.embedders.protocol import Embedder
from synthmed.evaluation.features import features
from synthmed.evaluation.fidelity.deals import unlike
from synthmed.evaluation.fidelity.manifold import manifold
from synthmed.evaluation.metric import Context
from synthmed.evaluation.scale import unit
from synthmed.report.grid import contact_sheet, grey_levels
from synthmed.report.html import Picture

COLUMNS = 8
SHOWN = 32
MOST = 2000
"""Rows of each corpus among which the nearest and the densest are looked for, at most."""
_K = 5
Places = npt.NDArray[np.int64]


class Pixels:
    """The picture itself, small and grey, less its mean: the cosine of two is Pearson's correlation.

    An `Embedder` without weights, for when there is no network to compare by.
    """

    name, digest, size, width = "pixels of 16 x 16", "pixels-16-1", 16, 256

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, H, W) in [0, 1] to (n, 256)."""
        grey = images.mean(dim=1, keepdim=True)
        small = functional.interpolate(
            grey, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
        ).flatten(1)
        return small - small.mean(dim=1, keepdim=True)


@dataclass(frozen=True)
class _Rows:
    """Some rows of a corpus that have one image, with their features."""

    corpus: Corpus
    places: Places
    features: npt.NDArray[np.float32]


def grids(context: Context, image: str) -> Iterator[tuple[str, Picture]]:
    """Names of files and grids of one image of the synthetic rows.

    Random rows of each corpus; the pairs that are nearest to real and to training rows; the densest and the rarest by
    `synthmed.evaluation.fidelity.manifold`. What cannot be compared, for want of rows or of one unit, is not shown.

    Raises:
        UserError: an image cannot be read.
    """
    others = {"real": context.real, "training": context.train}
    there = {kind: corpus for kind, corpus in others.items() if corpus is not None and corpus.rows.get(image)}
    yield "random", _random(context.synthetic, image, "synthetic", context.seed)
    for kind, corpus in there.items():
        yield f"random-{kind}", _random(corpus, image, kind, context.seed)
    embedder = context.embedder or Pixels()
    field = context.synthetic.images[image]
    alike = {kind: corpus for kind, corpus in there.items() if not unlike(field, corpus.images[image])}
    if not alike:
        return
    made = _rows(context, context.synthetic, image, embedder)
    for kind, corpus in alike.items():
        seen = _rows(context, corpus, image, embedder)
        found = EmbeddingDetector(seen.features, embedder).nearest(made.features)
        yield f"nearest-{kind}", _pairs(made, seen, found, image, kind, embedder.name)
        if kind == "real" and min(len(made.places), len(seen.places)) > _K:
            yield from _ranked(made, seen, found, image, embedder.name)


def _ranked(made: _Rows, seen: _Rows, found: Matches, image: str, network: str) -> Iterator[tuple[str, Picture]]:
    density = manifold(seen.features, made.features, _K).density
    # Many rows share a density, 0 above all: among them the nearer to a real row comes first.
    order = np.lexsort((-found.scores, -density))
    about = f"by density (k = {_K}) among {len(seen.places)} real rows in {network}"
    for name, chosen, what in (("best", order, "densest"), ("worst", order[::-1], "rarest")):
        tiles = _tiles(made.corpus, image, made.places[chosen[:SHOWN]])
        caption = f"The {what} {len(tiles)} of {len(made.places)} synthetic {image} images, {about}"
        yield name, Picture(contact_sheet(tiles, COLUMNS), caption)


def _pairs(made: _Rows, seen: _Rows, found: Matches, image: str, kind: str, network: str) -> Picture:
    order = np.argsort(-found.scores, kind="stable")[: SHOWN // 2]
    ours = _tiles(made.corpus, image, made.places[order])
    theirs = _tiles(seen.corpus, image, seen.places[found.places[order]])
    tiles = [tile for pair in zip(ours, theirs, strict=True) for tile in pair]
    scores = found.scores[order]
    caption = (
        f"Each pair: a synthetic {image} image, and to its right its nearest of {len(seen.places)} {kind} rows; the "
        f"{len(order)} nearest pairs of {len(made.places)} by the cosine of {network}, from {scores[0]:.3f} down to "
        f"{scores[-1]:.3f}"
    )
    return Picture(contact_sheet(tiles, COLUMNS), caption)


def _random(corpus: Corpus, image: str, kind: str, seed: int) -> Picture:
    tiles = _tiles(corpus, image, _drawn(corpus, image, SHOWN, seed))
    caption = f"{len(tiles)} of {corpus.rows[image]} {kind} {image} images, drawn at random (seed {seed})"
    return Picture(contact_sheet(tiles, COLUMNS), caption)


def _rows(context: Context, corpus: Corpus, image: str, embedder: Embedder) -> _Rows:
    places = _drawn(corpus, image, min(MOST, context.limit), context.seed)
    return _Rows(corpus, places, features(corpus, image, embedder, context.cache, places))


def _drawn(corpus: Corpus, image: str, most: int, seed: int) -> Places:
    having = corpus.having(image)
    chosen: Places = np.sort(having[np.random.default_rng(seed).permutation(len(having))[:most]])
    return chosen


def _tiles(corpus: Corpus, image: str, places: Places) -> list[npt.NDArray[np.uint8]]:
    # One at a time: files of a corpus that was opened without a size may be of any.
    each = (corpus.pixels(image, [int(place)])[0] for place in places)
    return [grey_levels(unit(corpus.images[image], values), 0, 1) for values in each]
