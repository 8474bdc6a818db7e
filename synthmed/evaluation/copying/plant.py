"""The detector's self-test: altered copies are planted, and what it finds of them is its sensitivity."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.copying.alterations import Alteration, Picture, in_turn
from synthmed.evaluation.copying.matches import Detector
from synthmed.evaluation.copying.threshold import Rate

COMBINED = "combined"
Pictures = Callable[[Sequence[int]], npt.NDArray[np.float32]]
"""Places of training rows to (n, C, H, W) in [0, 1]."""
_VALUES = 2**26
"""Of the pictures that are looked for at once: 256 MiB."""


@dataclass(frozen=True)
class Planted:
    """The copies of one alteration.

    Attributes:
        sources: (n,) places of the training rows that were altered.
        scores: (n,) what the detector gave the copies.
        found: (n,) whether that is above the threshold.
        named: (n,) whether the nearest training row is the source.
    """

    alteration: str
    sources: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    found: npt.NDArray[np.bool_]
    named: npt.NDArray[np.bool_]

    @property
    def sensitivity(self) -> Rate:
        """The share that is found, whichever row is named."""
        return Rate(int(self.found.sum()), len(self.found))

    @property
    def misses(self) -> npt.NDArray[np.int64]:
        """Which of the copies were not found; `copy_of` makes their pictures again."""
        return np.flatnonzero(~self.found)


def copy_of(picture: Picture, name: str, alterations: Mapping[str, Alteration], number: int, seed: int) -> Picture:
    """The ``number``-th planted copy of an alteration, `COMBINED` for all in turn: the same each time."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
    return (in_turn(alterations) if name == COMBINED else alterations[name])(picture, rng)


def self_test(
    detector: Detector,
    pictures: Pictures,
    rows: Sequence[int],
    limit: float,
    alterations: Mapping[str, Alteration],
    *,
    planted: int = 100,
    seed: int = 0,
) -> list[Planted]:
    """Plant ``planted`` copies of each alteration, and of all in turn, and look for them.

    Args:
        detector: whose gallery holds ``rows`` in this order.
        pictures: of places among ``rows``.
        limit: the threshold.
        planted: of each; sources are drawn anew for each, with replacement only where there are fewer rows.
    """
    names = (*alterations, COMBINED)
    sources = {name: _drawn(name, len(rows), planted, seed) for name in names}
    jobs = [(name, number, rows[source]) for name in names for number, source in enumerate(sources[name])]
    scores, nearest = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
    while jobs:
        first = pictures([jobs[0][2]])[0]
        # As many at once as go: a detector goes through its whole gallery at each call.
        size = max(1, _VALUES // first.size)
        block, jobs = jobs[:size], jobs[size:]
        matches = detector(np.stack([copy_of(pictures([at])[0], name, alterations, i, seed) for name, i, at in block]))
        scores.append(matches.scores)
        nearest.append(matches.places)
    score, named = np.concatenate(scores).reshape(-1, planted), np.concatenate(nearest).reshape(-1, planted)
    return [
        Planted(
            name,
            np.asarray([rows[source] for source in sources[name]], np.int64),
            score[number],
            score[number].astype(np.float64) > limit,
            named[number] == sources[name],
        )
        for number, name in enumerate(names)
    ]


def _drawn(name: str, rows: int, planted: int, seed: int) -> npt.NDArray[np.int64]:
    drawn: npt.NDArray[np.int64] = np.random.default_rng([seed, zlib.crc32(name.encode())]).choice(
        rows, planted, replace=planted > rows
    )
    return drawn
