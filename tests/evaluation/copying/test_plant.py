from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from helpers.corpora import textures

from synthmed.evaluation.copying import plant
from synthmed.evaluation.copying.alterations import ALTERATIONS
from synthmed.evaluation.copying.matches import Matches
from synthmed.evaluation.copying.plant import COMBINED, copy_of, self_test

ROWS = textures(6, side=32)


class Brightest:
    """Answers each picture's mean, and row 2."""

    name = "brightest"

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, pictures: np.ndarray) -> Matches:
        self.seen += list(pictures)
        return Matches(pictures.mean(axis=(1, 2, 3)).astype(np.float32), np.full(len(pictures), 2))


def pictures(places: Sequence[int]) -> np.ndarray:
    return ROWS[[place - 10 for place in places]]


def test_what_is_planted_is_counted_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = Brightest()
    alterations = {name: ALTERATIONS[name] for name in ("gamma", "jpeg")}
    rows = [10, 11, 12, 13, 14, 15]
    found = self_test(detector, pictures, rows, 0.5, alterations, planted=5, seed=1)
    assert [one.alteration for one in found] == ["gamma", "jpeg", COMBINED]
    for number, one in enumerate(found):
        assert len(set(one.sources.tolist())) == 5
        copies = detector.seen[5 * number : 5 * number + 5]
        for place, copy in enumerate(copies):
            again = copy_of(pictures([one.sources[place]])[0], one.alteration, alterations, place, seed=1)
            np.testing.assert_array_equal(copy, again)
        above = [copy.mean() > 0.5 for copy in copies]
        assert one.found.tolist() == above
        assert one.misses.tolist() == [place for place in range(5) if not above[place]]
        assert (one.sensitivity.found, one.sensitivity.n) == (sum(above), 5)
        assert one.named.tolist() == (one.sources == 12).tolist()
    other = self_test(Brightest(), pictures, rows, 0.5, alterations, planted=5, seed=2)
    monkeypatch.setattr(plant, "_VALUES", 4 * 32 * 32)
    again = self_test(Brightest(), pictures, rows, 0.5, alterations, planted=5, seed=1)
    np.testing.assert_array_equal([one.scores for one in found], [one.scores for one in again])
    np.testing.assert_array_equal([one.named for one in found], [one.named for one in again])
    assert not np.array_equal(found[0].scores, other[0].scores)


def test_more_copies_than_rows() -> None:
    (one, _) = self_test(Brightest(), pictures, [10, 11], 0.5, {"gamma": ALTERATIONS["gamma"]}, planted=7)
    assert len(one.scores) == 7
    assert len(set(one.scores.tolist())) == 7
