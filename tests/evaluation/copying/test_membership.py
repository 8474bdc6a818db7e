from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from helpers.corpora import MemoryCorpus
from sklearn.metrics import roc_auc_score

from synthmed.errors import UserError
from synthmed.evaluation.copying.membership import attack, losses_of


def test_auc_is_the_share_of_pairs() -> None:
    rng = np.random.default_rng(0)
    members, others = rng.integers(0, 9, 30).astype(float), rng.integers(2, 12, 20).astype(float)
    found = attack(members, others)
    wins = [(member < other) + 0.5 * (member == other) for member in members for other in others]
    assert found.auc == pytest.approx(np.mean(wins))
    assert found.auc == pytest.approx(roc_auc_score([1] * 30 + [0] * 20, -np.concatenate([members, others])))
    assert found.low < found.auc < found.high
    assert (found.members, found.others) == (30, 20)
    assert found.caught == np.mean([member < others.min() for member in members])


def test_two_normals_have_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    found = attack(rng.normal(-1, 1, 2000), rng.normal(0, 1, 2000))
    normal = NormalDist()
    assert found.auc == pytest.approx(normal.cdf(1 / 2**0.5), abs=0.02)
    assert found.caught == pytest.approx(normal.cdf(normal.inv_cdf(0.01) + 1), abs=0.03)
    assert found.low < normal.cdf(1 / 2**0.5) < found.high
    losses = rng.normal(size=300)
    same = attack(losses, losses)
    assert same.auc == 0.5
    assert same.low < 0.5 < same.high


@pytest.mark.parametrize(("members", "others"), [([], [1.0]), ([1.0], []), ([1.0, np.nan], [1.0]), ([1.0], [np.inf])])
def test_refusals(members: list[float], others: list[float]) -> None:
    with pytest.raises(UserError, match="membership: "):
        attack(np.array(members), np.array(others))


def test_losses_come_in_order_and_of_rows_with_the_image() -> None:
    values = np.arange(10, dtype=np.float32)[:, None, None, None] / 10 * np.ones((1, 1, 2, 2), np.float32)
    corpus = MemoryCorpus({"xray": values}, absent={"xray": [3]})
    sizes = []

    def scorer(pixels: np.ndarray) -> np.ndarray:
        sizes.append(len(pixels))
        return pixels.mean(axis=(1, 2, 3))

    np.testing.assert_allclose(losses_of(scorer, corpus, "xray", block=4), [0, 0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    assert sizes == [4, 4, 1]
    few = losses_of(scorer, corpus, "xray", limit=5, seed=1)
    assert (np.diff(few) > 0).all()
    assert len(few) == 5
