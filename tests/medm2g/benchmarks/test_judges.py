"""What the proofs measure by."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from judges import auroc_ratio, best_constant, micro_f1, organ_dice, rank_agreement, shuffled
from scipy.stats import rankdata
from sklearn.metrics import f1_score, roc_auc_score

RNG = np.random.default_rng(0)
NAMES = ("background", "left lung", "heart", "nodule")


def test_organ_dice_is_the_f1_of_the_pixels_of_each_organ() -> None:
    one, other = RNG.integers(0, 4, (2, 5, 8, 8))
    other[0][other[0] == 2] = 0
    one[0][one[0] == 2] = 0  # neither shows a heart
    found = organ_dice(one, other, NAMES)
    for a, b, dice in zip(one, other, found, strict=True):
        organs = [place for place in (1, 2) if (a == place).any() or (b == place).any()]
        assert dice == pytest.approx(np.mean([f1_score((a == i).ravel(), (b == i).ravel()) for i in organs]))


def test_agreement_is_in_ranks_and_full_for_the_same_order() -> None:
    scores = RNG.standard_normal((20, 3))
    assert rank_agreement(scores, np.exp(scores)).tolist() == [0] * 20
    other = RNG.standard_normal((20, 3))
    ranks = [(rankdata(values, axis=0) - 1) / 19 for values in (scores, other)]
    assert rank_agreement(scores, other) == pytest.approx(-np.abs(ranks[0] - ranks[1]).mean(1))


def test_shuffled_gives_every_sample_another_one() -> None:
    for n in (2, 7, 400):
        other = shuffled(n)
        assert sorted(other) == list(range(n))
        assert (other != np.arange(n)).all()


def test_the_ratio_is_of_what_is_above_chance() -> None:
    known = np.array([[0] * 10 + [1] * 10]).T
    real, made = RNG.standard_normal((2, 20, 1)) + known
    areas = [roc_auc_score(known[:, 0], score[:, 0]) for score in (made, real)]
    assert auroc_ratio(known, made, real) == pytest.approx((areas[0] - 0.5) / (areas[1] - 0.5))
    assert auroc_ratio(known, real, real) == 1


def test_no_constant_answer_beats_the_majority_s() -> None:
    known = (RNG.random((40, 5)) < [0.05, 0.5, 0.2, 0.35, 0.1]).astype(int)
    found = micro_f1(known, np.tile(best_constant(known), (40, 1)))
    others = [np.tile(np.array(answer), (40, 1)) for answer in product((0, 1), repeat=5)]
    assert found == max(micro_f1(known, answer) for answer in others)
    assert found == pytest.approx(f1_score(known, np.tile(best_constant(known), (40, 1)), average="micro"))
