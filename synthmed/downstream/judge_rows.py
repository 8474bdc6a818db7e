"""Which real rows teach a judge, and which ones tell how good it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthmed.downstream.rows import patient_names
from synthmed.errors import UserError
from synthmed.evaluation.corpora.part import PartCorpus
from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.evaluation.metric import Context

MOST_TAUGHT, MOST_SCORED = 5_000, 2_000
"""Rows that a judge learns from and is scored on, at most: its pixels are held in memory."""
_FIFTH = 0.2


def sides(context: Context) -> tuple[Corpus, Corpus]:
    """The real rows that teach, and those that score, of different patients; at most `MOST_TAUGHT` and `MOST_SCORED`.

    Raises:
        UserError: no real rows were given, or all are of one patient.
    """
    real, train, rng = context.real, context.train, np.random.default_rng(context.seed)
    whole = real if train is None else train
    if whole is None:
        raise UserError("--judge: judges are trained on real rows; give --real, --train or both")
    patients = _patients(whole)
    if train is None or real is None or train.digest == real.digest:
        names = rng.permutation(np.unique(patients))
        kept = np.isin(patients, names[: max(1, round(_FIFTH * len(names)))])
        learn, test = np.flatnonzero(~kept), PartCorpus(whole, _some(np.flatnonzero(kept), MOST_SCORED, rng))
    else:
        others = np.flatnonzero(~np.isin(_patients(real), [name for name in patients if not name.startswith("row ")]))
        learn, test = np.arange(len(whole)), PartCorpus(real, _some(others, MOST_SCORED, rng))
    if not len(learn) or not len(test):
        raise UserError("--judge: no real row is left of a patient that a judge has not learnt from; give other --real")
    return PartCorpus(whole, _some(learn, MOST_TAUGHT, rng)), test


def _patients(corpus: Corpus) -> npt.NDArray[np.str_]:
    return patient_names(facts.patient for facts in facts_of(corpus))


def facts_of(corpus: Corpus, image: str = "") -> Iterator[Facts]:
    """Of the rows with that image, or of all for ``""``."""
    places = corpus.having(image) if image else np.arange(len(corpus))
    for start in range(0, len(places), 1024):
        yield from corpus.facts(places[start : start + 1024].tolist())


def _some(places: npt.NDArray[np.int64], most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return np.sort(rng.permutation(places)[:most])
