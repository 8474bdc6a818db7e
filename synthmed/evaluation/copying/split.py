"""Which rows are looked for: synthetic ones, and two halves of hold-out patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpus import Corpus

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Halves:
    """Rows of a hold-out corpus, by place.

    Attributes:
        first: they set the threshold.
        second: they tell how often it is passed without a copy.
        note: what is to be known about them, ``""`` for nothing.
    """

    first: Places
    second: Places
    note: str = ""


def halves(holdout: Corpus, train: Corpus, image: str, *, limit: int, seed: int) -> Halves:
    """Two halves of the patients that have the image and no row in training, ``limit`` rows each at most.

    Rows without a patient count as one each.
    """
    places = holdout.having(image)
    patients = [facts.patient for facts in holdout.facts(places.tolist())]
    trained = {facts.patient for facts in train.facts(train.having(image).tolist())} - {""}
    groups = np.array([patient or f"row {place}" for patient, place in zip(patients, places, strict=True)], dtype=str)
    shared = np.isin(groups, sorted(trained))
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(groups[~shared]))
    first = np.isin(groups, names[: (len(names) + 1) // 2]) & ~shared
    notes = []
    if shared.any():
        notes.append(f"{int(shared.sum())} hold-out rows of training patients left out")
    if not all(patients):
        notes.append("rows without a patient count as one each: rows of one patient on both sides raise the threshold")
    return Halves(drawn(places[first], limit, rng), drawn(places[~first & ~shared], limit, rng), "; ".join(notes))


def drawn(places: Places, limit: int, rng: np.random.Generator) -> Places:
    """``limit`` of the places, rising; all where there are no more."""
    return places if len(places) <= limit else np.sort(rng.permutation(places)[:limit])
