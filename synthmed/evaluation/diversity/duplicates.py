"""Images that a set holds twice, to the pixel or nearly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.data.leaks import NEAR, difference_hash
from synthmed.evaluation.corpora.batches import batches
from synthmed.evaluation.corpora.groups import Places
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.metric import Context, Figure, Need

_BLOCK = 1024


@dataclass(frozen=True)
class Duplicates:
    """Shares of images that repeat an earlier one (``exact``), or resemble any other (``near``, by difference hash).

    Both grow with n: the floor takes as many real rows, or as many as there are.
    """

    name: ClassVar[str] = "duplicates"
    summary: ClassVar[str] = "images that repeat another one, to the pixel or nearly (difference hash)"
    goal: ClassVar[Literal["low", "high", "real"]] = "low"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset()
    source: ClassVar[str] = "synthmed.data.leaks.difference_hash (Krawetz 2013, of 16 rows)"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """``exact`` over all rows, ``near`` over at most ``context.limit``, of each image."""
        for image, rows in context.synthetic.rows.items():
            for part, limit in (("exact", rows), ("near", min(rows, context.limit))):
                if not rows:
                    continue
                share = exact_share if part == "exact" else near_share
                value = share(context.synthetic, image, _some(rows, limit, context.seed))
                floor, note = None, "" if limit == rows else f"a random choice of {limit} of {rows} images"
                if context.real is not None and context.real.rows.get(image, 0):
                    there = context.real.rows[image]
                    floor = share(context.real, image, _some(there, min(limit, there), context.seed))
                    if there < limit:
                        note = "; ".join(filter(None, (note, f"only {there} real images: their share is too low")))
                yield Figure(self.name, part, {"image": image}, value, limit, floor=floor, note=note)


def exact_share(corpus: Corpus, image: str, places: Places) -> float:
    """Of the rows at these places in ``corpus.having(image)``, those whose pixels all equal an earlier one's."""
    found = np.empty(len(places), np.uint64)
    for part, pixels in batches(corpus, image, corpus.having(image)[places]):
        for row, values in enumerate(pixels, part.start):
            # 64 bits: among 100,000 different images two meet with a chance of 3 in 10 thousand million.
            found[row] = int.from_bytes(hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()[:8], "big")
    return 1 - len(np.unique(found)) / len(found)


def near_share(corpus: Corpus, image: str, places: Places) -> float:
    """Of those rows, the ones within `NEAR` of 256 bits of another one; flat images are like none but are counted."""
    bits = []
    for _, pixels in batches(corpus, image, corpus.having(image)[places]):
        bits += [found for found in map(difference_hash, pixels) if found is not None]
    return float(near(np.array(bits).reshape(-1, 256)).sum()) / len(places)


def near(bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(n,) whether each row of (n, 256) bits has another one within `NEAR`."""
    signs = np.where(bits, 1, -1).astype(np.float32)
    found = np.zeros(len(bits), bool)
    for start in range(0, len(signs), _BLOCK):
        # Of ±1 bits, a · b is 256 - 2 distance; such sums are exact in float32.
        close = (256 - signs[start : start + _BLOCK] @ signs.T) / 2 <= NEAR
        close[np.arange(len(close)), np.arange(start, start + len(close))] = False
        found[start : start + len(close)] = close.any(1)
    return found


def _some(rows: int, limit: int, seed: int) -> Places:
    return np.sort(np.random.default_rng(seed).permutation(rows)[:limit])
