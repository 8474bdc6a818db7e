"""What is quicker than to score drawn rows is the same number."""

from __future__ import annotations

import numpy as np
import pytest
from downstream.toy import Bright, flat

from synthmed.downstream.resample import row_interval
from synthmed.downstream.rows import Rows
from synthmed.downstream.tasks.classification import Classification
from synthmed.downstream.tasks.detection import Detection
from synthmed.downstream.tasks.segmentation import Segmentation
from synthmed.downstream.tasks.task import Drawn, Task
from synthmed.downstream.truth import Boxes, Truth, boxes, take

ROWS = 12


def scattered(rng: np.random.Generator, most: int, known: bool) -> tuple[Boxes, ...]:
    """Boxes of two categories in half of the images; a third has none in the truth."""
    found = []
    for place in range(ROWS):
        n = int(rng.integers(1, most)) if place % 2 else 0
        corner = rng.integers(0, 20, (n, 2))
        said = () if known else tuple(rng.choice([0.2, 0.5, 0.9], n).tolist())
        sides = rng.integers(8, 14, (n, 2))
        found.append(boxes(np.hstack([corner, corner + sides]).tolist(), rng.choice([0, 2], n).tolist(), said))
    return tuple(found)


def maps(rng: np.random.Generator) -> np.ndarray:
    made = rng.integers(0, 3, (ROWS, 6, 6)).astype(np.uint8)
    made[::2] = 0
    made[1][made[1] == 2] = 0
    return made


def question(kind: str, seed: int) -> tuple[Task, Truth, Truth]:
    rng = np.random.default_rng(seed)
    if kind == "detection":
        return Detection("ct", ("a", "b", "c")), scattered(rng, 8, False), scattered(rng, 4, True)
    return Segmentation("ct", ("background", "a", "b")), rng.permuted(maps(rng), axis=2), maps(rng)


@pytest.mark.parametrize("kind", ["segmentation", "detection"])
@pytest.mark.parametrize("seed", range(3))
def test_drawn_rows_have_the_figure_of_their_score(kind: str, seed: int) -> None:
    task, said, known = question(kind, seed)
    assert isinstance(task, Drawn)
    value = task.of_draws(said, known)
    rng = np.random.default_rng(seed)
    draws = [np.arange(ROWS), np.array([1, 1, 1, 0]), np.array([0, 2]), *rng.integers(0, ROWS, (8, ROWS))]
    found = [value(rows) for rows in draws]
    expected = [task.score(take(said, rows), take(known, rows))[task.primary] for rows in draws]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.isnan(found[2])
    assert len(set(found[3:])) > 1


def test_the_interval_over_rows_is_the_same_either_way() -> None:
    task, said, known = question("segmentation", 0)

    class Scored(Bright):
        def score(self, predictions: Truth, truth: Truth) -> dict[str, float]:
            return dict(task.score(predictions, truth))

    rows = Rows(flat([0.5] * ROWS).pixels, known, ("",) * ROWS, ({},) * ROWS, "")
    assert not isinstance(Scored(primary="dice"), Drawn)
    assert not isinstance(Classification("ct", ("a",)), Drawn)
    quick = row_interval(task, [said], [np.zeros_like(said)], rows, draws=20)
    slow = row_interval(Scored(primary="dice"), [said], [np.zeros_like(said)], rows, draws=20)
    assert quick.low is not None
    assert (quick.low, quick.high) == pytest.approx((slow.low, slow.high))
