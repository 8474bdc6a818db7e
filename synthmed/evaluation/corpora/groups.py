"""Which rows of a corpus share a label, a patient or a prompt: small integers, read once a corpus."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpus import Corpus

_BATCH = 1024
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """Of the rows that have one image, by their place in ``corpus.having(image)``.

    Attributes:
        labels: the rows that have each label that the image shows, rising.
        patients: (n,) a number a patient, -1 where it is not told.
        prompts: (n,) a number a prompt, -1 for rows without one.
        label_sets: (n,) a number for each combination of labels, -1 for rows without any.
    """

    labels: Mapping[str, Places]
    patients: npt.NDArray[np.int32]
    prompts: npt.NDArray[np.int32]
    label_sets: npt.NDArray[np.int32]


def groups(corpus: Corpus, image: str) -> Groups:
    """Read from the rows' facts, a thousand at a time; the last few answers are kept."""
    return _groups(_Same(corpus), image)


class _Same:
    """What the cache below goes by: the corpus as an object, whether or not it can be hashed."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    def __hash__(self) -> int:
        return id(self.corpus)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.corpus is self.corpus


@functools.lru_cache(maxsize=8)
def _groups(held: _Same, image: str) -> Groups:
    corpus = held.corpus
    having = corpus.having(image)
    labels: dict[str, list[int]] = {}
    patients, prompts, label_sets = _Codes(len(having)), _Codes(len(having)), _Codes(len(having))
    for start in range(0, len(having), _BATCH):
        for place, facts in enumerate(corpus.facts(having[start : start + _BATCH].tolist()), start):
            shown = facts.labels_by_image.get(image, facts.labels)
            for label in dict.fromkeys(shown):
                labels.setdefault(label, []).append(place)
            patients.put(place, facts.patient)
            prompts.put(place, facts.prompt)
            label_sets.put(place, "\0".join(sorted(shown)))
    found = {label: np.array(places, np.int64) for label, places in sorted(labels.items())}
    return Groups(found, patients.values, prompts.values, label_sets.values)


class _Codes:
    def __init__(self, n: int) -> None:
        self.values = np.full(n, -1, np.int32)
        self._known: dict[str, int] = {}

    def put(self, place: int, word: str) -> None:
        if word:
            self.values[place] = self._known.setdefault(word, len(self._known))


def halves(patients: npt.NDArray[np.int32], among: Places, rng: np.random.Generator) -> tuple[Places, Places, bool]:
    """Rows dealt at random into two disjoint halves, whole patients where every row has one.

    Args:
        patients: of all rows, as `Groups` has them.
        among: the rows that are dealt.

    Returns:
        Two arrays of places, each in random order, and whether the deal went by patient.
    """
    own = patients[among]
    if (own < 0).any():
        order = rng.permutation(among)
        return order[: len(order) // 2], order[len(order) // 2 :], False
    names, code, sizes = np.unique(own, return_inverse=True, return_counts=True)
    if len(names) < 2:
        order = rng.permutation(among)
        return order[: len(order) // 2], order[len(order) // 2 :], False
    order = rng.permutation(len(names))
    # Patients in random order until half of the rows are reached: the first half holds one patient at least.
    first = max(int(np.searchsorted(np.cumsum(sizes[order]), len(among) / 2, side="right")), 1)
    one = np.isin(code, order[:first])
    return rng.permutation(among[one]), rng.permutation(among[~one]), True
