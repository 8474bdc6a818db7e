from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from synthmed.evaluation.agreement.detections import ap50, match, mean_ap50
from synthmed.evaluation.agreement.scores import auroc, dice, macro_auroc, mean_dice
from synthmed.sample import Box


@pytest.mark.parametrize("seed", range(4))
def test_auroc_is_sklearns_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    present = rng.random((60, 3)) < 0.3
    scores = (present + rng.normal(size=(60, 3))).round(1 if seed % 2 else 3)
    expected = [roc_auc_score(present[:, label], scores[:, label]) for label in range(3)]
    assert auroc(scores, present) == pytest.approx(expected)
    assert macro_auroc(scores, present) == pytest.approx(np.mean(expected))


def test_a_label_that_all_or_none_have_is_no_number() -> None:
    present = np.array([[1, 0, 1], [1, 0, 0]], bool)
    found = auroc(np.array([[0.2, 0.1, 0.9], [0.1, 0.3, 0.4]]), present)
    assert np.isnan(found[:2]).all()
    assert found[2] == 1.0
    assert macro_auroc(np.zeros((2, 1)), present[:, :1]) != macro_auroc(np.zeros((2, 1)), present[:, :1])


def test_dice_by_counting() -> None:
    rng = np.random.default_rng(0)
    maps, masks = rng.integers(0, 3, (2, 5, 6, 7))
    masks[0] = np.where(masks[0] == 2, 0, masks[0])
    maps[0] = np.where(maps[0] == 2, 0, maps[0])
    masks[1] = np.where(masks[1] == 1, 0, masks[1])
    found = dice(maps, masks, 3)
    for row in range(5):
        for value in (1, 2):
            one, other = maps[row] == value, masks[row] == value
            whole = one.sum() + other.sum()
            expected = 2 * (one & other).sum() / whole if whole else np.nan
            assert found[row, value - 1] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(found[0, 1])
    assert found[1, 0] == 0.0  # seen, but not there
    assert mean_dice(found) == pytest.approx(np.nanmean(np.nanmean(found, axis=0)))


def box(category: str, x: float, y: float = 0, side: float = 10) -> Box:
    return Box("photo", category, x, y, side, side)


def coco(found: list[list[tuple[Box, float]]], truth: list[list[Box]], category: str) -> float:
    """COCO's AP at one half, slowly: greedy matches by score, precision made falling, read at 101 recalls."""
    hits, there = [], sum(box.category == category for row in truth for box in row)
    for row, boxes in zip(found, truth, strict=True):
        free = [box for box in boxes if box.category == category]
        for one, score in sorted((pair for pair in row if pair[0].category == category), key=lambda pair: -pair[1]):
            overlaps = [overlap(one, other) for other in free]
            best = int(np.argmax(overlaps)) if overlaps else -1
            hit = best >= 0 and overlaps[best] >= 0.5
            if hit:
                free.pop(best)
            hits.append((score, hit))
    right = np.array([hit for _, hit in sorted(hits, key=lambda pair: -pair[0])], float)
    precision, recall = right.cumsum() / np.arange(1, len(right) + 1), right.cumsum() / there
    best_from = [precision[at:].max() for at in range(len(precision))]
    return float(np.mean([next((p for p, r in zip(best_from, recall, strict=True) if r >= level), 0.0)
                          for level in np.linspace(0, 1, 101)]))  # fmt: skip


def overlap(one: Box, other: Box) -> float:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(across, 0) * max(down, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)


@pytest.mark.parametrize("seed", range(3))
def test_ap50_is_cocos(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = [[box(str(rng.choice(["red", "white"])), 20 * at, 20 * row) for at in range(4)] for row in range(6)]
    found = [
        [
            (
                box(one.category if rng.random() < 0.8 else "red", one.x + rng.integers(-5, 6), one.y),
                float(rng.random()),
            )
            for one in row
            for _ in range(rng.integers(0, 3))
        ]
        for row in truth
    ]
    names = ["red", "white", "never"]
    matches = match(found, truth, names)
    expected = [coco(found, truth, name) for name in names[:2]]
    assert [ap50(matches, at) for at in (0, 1)] == pytest.approx(expected, abs=1e-6)
    assert np.isnan(ap50(matches, 2))
    assert mean_ap50(matches, 3) == pytest.approx(np.mean(expected))


def test_empty_rows_and_foreign_categories() -> None:
    truth = [[box("red", 0)], [], [box("red", 0), box("blue", 40)]]
    found = [[(box("red", 1), 0.9), (box("green", 0), 0.99)], [], []]
    matches = match(found, truth, ["red"])
    assert ap50(matches, 0) == pytest.approx(51 / 101)  # one of two found, none wrongly: recalls 0 … 0.50
    assert ap50(match([[], [], []], truth, ["red"]), 0) == 0.0
    wrong = match([[(box("red", 1), 0.5)], [(box("red", 1), 0.9)], []], truth, ["red"])
    assert ap50(wrong, 0) == pytest.approx(51 / 101 / 2)
