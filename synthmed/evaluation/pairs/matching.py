"""Which real row a synthetic one stands for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.evaluation.intervals import Places, subsets

NO_PAIRS = "no synthetic row names a real one by its key or by attributes['source_key']"


def matched(synthetic: Corpus, real: Corpus, image: str, *, limit: int, seed: int) -> tuple[Places, Places]:
    """Places of the synthetic rows that have a real one, and of that real one, row by row; both have ``image``.

    A row's ``attributes["source_key"]`` names it, else its own key. Keys that are equal by chance (``000001`` in both)
    pair strangers: the metrics print what shuffled pairs give, which is then the same.

    Args:
        image: its name; ``""`` for any row.
        limit: at most so many pairs, drawn at random.
    """
    keys = {facts.key: place for place, facts in rows(real, image)}
    pairs = [
        (place, keys[str(facts.attributes.get("source_key", facts.key))])
        for place, facts in rows(synthetic, image)
        if str(facts.attributes.get("source_key", facts.key)) in keys
    ]
    places = np.array(pairs, np.int64).reshape(-1, 2)
    if len(places) > limit:
        places = places[next(subsets(len(places), limit, draws=1, seed=seed))]
    return places[:, 0], places[:, 1]


def rows(corpus: Corpus, image: str) -> Iterator[tuple[int, Facts]]:
    """Places and facts of the rows with ``image``, or of all for ``""``."""
    places = corpus.having(image) if image else np.arange(len(corpus))
    for start in range(0, len(places), 1024):
        batch = places[start : start + 1024].tolist()
        yield from zip(batch, corpus.facts(batch), strict=True)
