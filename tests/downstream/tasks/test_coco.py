"""Average precision against counts by hand and an implementation in plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from synthmed.downstream.tasks.coco import COCO_IOU, average_precision, figures, rsna
from synthmed.downstream.truth import Boxes, boxes

NONE = boxes([], [])


def test_precision_at_101_recalls_by_hand() -> None:
    """Two cells: the surest box hits one, the next hits nothing, the third hits the other."""
    known = boxes([(0, 0, 10, 10), (20, 20, 30, 30)], [0, 0])
    said = boxes([(0, 0, 10, 10), (50, 50, 60, 60), (20, 20, 30, 30)], [0, 0, 0], (0.9, 0.8, 0.7))
    # Precision is 1 up to recall 0.5 (51 of 101 points), then 2/3 at best.
    assert average_precision([said], [known], 1)[0, 0] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_overlap_decides_at_each_threshold() -> None:
    known, said = boxes([(0, 0, 10, 10)], [0]), boxes([(0, 0, 10, 7.2)], [0])
    # The overlap is 0.72: a hit at 0.50, 0.55, 0.60, 0.65 and 0.70.
    assert average_precision([said], [known], 1)[:, 0] == pytest.approx([1] * 5 + [0] * 5)
    found = figures([said], [known], ("cell",))
    assert (found["map50"], found["map"], found["map/cell"]) == pytest.approx((1, 0.5, 0.5))
    assert found["map_rsna"] == pytest.approx(7 / 8)


def test_a_category_that_no_image_has_is_left_out() -> None:
    known = [boxes([(0, 0, 10, 10)], [2]), NONE]
    said = [boxes([(0, 0, 10, 10), (0, 0, 5, 5)], [2, 0], (0.9, 0.95)), boxes([(0, 0, 5, 5)], [1])]
    found = figures(said, known, ("a", "b", "c"))
    assert found["map50"] == found["map50/c"] == pytest.approx(1)
    assert "map50/a" not in found
    assert np.isnan(figures([NONE], [NONE], ("a",))["map50"])


def test_a_category_that_is_never_found_counts_zero() -> None:
    known = boxes([(0, 0, 10, 10), (20, 20, 30, 30)], [0, 1])
    assert figures([boxes([(0, 0, 10, 10)], [0])], [known], ("a", "b"))["map50"] == pytest.approx(0.5)
    assert figures([NONE], [known], ("a", "b"))["map50"] == 0


def test_rsna_skips_images_without_boxes_on_either_side() -> None:
    cell = boxes([(0, 0, 10, 10)], [0])
    alarm, unsure = boxes([(0, 0, 10, 10)], [0], (0.99,)), boxes([(0, 0, 10, 10)], [0], (0.4,))
    assert rsna([cell, alarm, NONE, unsure], [cell, NONE, cell, cell], 1) == pytest.approx(1)
    assert rsna([unsure], [cell], 1) == 0
    assert rsna([unsure.where(np.array([True])), cell], [cell, boxes([(0, 0, 10, 7.2)], [0])], 1) == pytest.approx(
        7 / 8
    )


def scattered(seed: int, images: int = 25) -> tuple[list[Boxes], list[Boxes]]:
    rng = np.random.default_rng(seed)
    known, said = [], []
    for _ in range(images):
        n = int(rng.integers(0, 5))
        start, size = rng.uniform(0, 60, (n, 2)), rng.uniform(8, 25, (n, 2))
        true = np.concatenate([start, start + size], 1)
        near = np.concatenate([true + rng.normal(0, 2, true.shape), np.array([[5.0, 5, 20, 25]] * 2)])
        kinds = rng.integers(0, 3, n)
        known.append(boxes(true, kinds))
        said.append(boxes(near, [*kinds, 0, 2], rng.random(n + 2)))
    return said, known


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_cocos_average_precision(seed: int) -> None:
    said, known = scattered(seed)
    found = average_precision(said, known, 3)
    for row, threshold in enumerate(np.linspace(*COCO_IOU[:2], 10)):
        for category in range(3):
            expected = by_the_book(said, known, category, threshold)
            # MONAI sums hits in float32: a recall may fall to the other side of one of the 101 points.
            assert found[row, category] == pytest.approx(expected, abs=1 / 101)
    assert 0.05 < found.mean() < 0.95


def by_the_book(said: list[Boxes], known: list[Boxes], category: int, threshold: float) -> float:
    """COCO's (cocodataset/cocoapi): greedy matches by score within an image, then the envelope at 101 recalls."""
    hits: list[tuple[float, bool]] = []
    total = 0
    for one, truth in zip(said, known, strict=True):
        true = [corner for corner, kind in zip(truth.corners, truth.categories, strict=True) if kind == category]
        total += len(true)
        free = set(range(len(true)))
        mine = [i for i in np.argsort(-one.scores, kind="stable") if one.categories[i] == category]
        for i in mine:
            overlaps = {place: overlap(one.corners[i], true[place]) for place in free}
            best = max(overlaps, key=lambda place: overlaps[place], default=None)
            hit = best is not None and overlaps[best] >= threshold
            if hit:
                free.discard(best)  # type: ignore[arg-type]  # a hit has a best
            hits.append((float(one.scores[i]), hit))
    hits.sort(key=lambda pair: -pair[0])
    right = np.cumsum([hit for _, hit in hits])
    precision, recall = right / np.arange(1, len(hits) + 1), right / total
    points = [precision[recall >= point - 1e-9] for point in np.linspace(0, 1, 101)]
    return float(np.mean([point.max() if len(point) else 0 for point in points]))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    rows = min(one[2], other[2]) - max(one[0], other[0])
    columns = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(rows, 0) * max(columns, 0)
    areas = sum((corners[2] - corners[0]) * (corners[3] - corners[1]) for corners in (one, other))
    return float(shared / (areas - shared))
