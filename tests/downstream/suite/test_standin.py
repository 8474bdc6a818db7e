"""Whether labels are kept, and maps and boxes go where their image goes: by the middle of a bright disc."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthmed.downstream.rows import Rows
from synthmed.downstream.suite.standin import deformed
from synthmed.downstream.truth import Boxes, boxes

SIDE, RADIUS = (48, 64), 6
CENTRES = [(20, 20), (30, 44), (14, 50)]


def discs() -> tuple[np.ndarray, np.ndarray]:
    """Images (3, 1, H, W) with a disc each, and their label maps."""
    rows, columns = np.mgrid[: SIDE[0], : SIDE[1]]
    maps = np.stack([np.hypot(rows - y, columns - x) <= RADIUS for y, x in CENTRES]).astype(np.uint8)
    return maps[:, None].astype(np.float16), maps


def real(truth: object) -> Rows:
    pixels, _ = discs()
    return Rows(pixels, truth, ("a", "b", "c"), ({"age": 1}, {"age": 2}, {"age": 3}), "digest", ("k0", "k1", "k2"))


def middle(weights: np.ndarray) -> np.ndarray:
    """(row, column) of the centre of mass."""
    rows, columns = np.mgrid[: SIDE[0], : SIDE[1]]
    return np.array([(rows * weights).sum(), (columns * weights).sum()]) / weights.sum()


def test_labels_and_facts_are_kept_and_images_move(tmp_path: Path) -> None:
    labels = np.array([[1, 0], [0, 1], [1, 1]], np.uint8)
    made = deformed(real(labels), 7, 0, tmp_path / "a.npy")
    assert np.array_equal(made.truth, labels[[0, 1, 2, 0, 1, 2, 0]])
    assert made.patients == ("a", "b", "c", "a", "b", "c", "a")
    assert made.attributes[1] == {"age": 2}
    assert len(set(made.keys)) == len(made) == 7
    assert made.pixels.dtype == np.float16
    assert 0 <= made.pixels.min() <= made.pixels.max() <= 1
    moved = [np.hypot(*(middle(made.pixels[i, 0].astype(float)) - CENTRES[i % 3])) for i in range(7)]
    assert 0.3 < np.median(moved) < 6
    # The same row is never deformed twice in the same way.
    assert not np.array_equal(made.pixels[0], made.pixels[3])


def test_a_label_map_goes_with_its_image(tmp_path: Path) -> None:
    made = deformed(real(discs()[1]), 9, 1, tmp_path / "a.npy")
    assert made.truth.shape == (9, *SIDE)
    assert set(np.unique(made.truth)) == {0, 1}
    for place in range(9):
        seen = middle(made.pixels[place, 0].astype(float))
        assert np.hypot(*(seen - middle(made.truth[place].astype(float)))) < 0.5
        # Nearly every pixel of the map is bright, and of the rest dark.
        inside = made.pixels[place, 0] > 0.5
        assert (inside == (made.truth[place] > 0)).mean() > 0.99


def test_boxes_go_with_their_image(tmp_path: Path) -> None:
    around = tuple(
        boxes([(y - RADIUS, x - RADIUS, y + RADIUS + 1, x + RADIUS + 1), (0, 0, 4, 4)], [1, 0]) for y, x in CENTRES
    )
    made = deformed(real(around), 12, 2, tmp_path / "a.npy")
    off, before = [], []
    for place in range(12):
        row = made.truth[place]
        assert isinstance(row, Boxes)
        corners = row.corners[row.categories.tolist().index(1)]
        bright = np.argwhere(made.pixels[place, 0] > 0.5)
        seen = np.array([*bright.min(0), *(bright.max(0) + 1)])
        y, x = CENTRES[place % 3]
        off.append(np.abs(corners - seen).max())
        before.append(np.abs(seen - [y - RADIUS, x - RADIUS, y + RADIUS + 1, x + RADIUS + 1]).max())
        assert (row.corners[:, :2] < row.corners[:, 2:]).all()
        assert (row.corners >= 0).all()
        assert (row.corners[:, 2:] <= SIDE).all()
    # The box bounds the disc where the image shows it now, which is not where it was, to within its outermost pixels.
    assert max(off) <= 2
    assert np.mean(off) < 1
    assert np.mean(off) < 0.5 * np.mean(before)


def test_images_without_boxes_stay_without(tmp_path: Path) -> None:
    made = deformed(real(tuple(boxes([], []) for _ in CENTRES)), 3, 0, tmp_path / "a.npy")
    assert [len(row) for row in made.truth] == [0, 0, 0]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_gives_the_same_rows(tmp_path: Path, seed: int) -> None:
    one = deformed(real(discs()[1]), 4, 0, tmp_path / "a.npy")
    other = deformed(real(discs()[1]), 4, seed, tmp_path / "b.npy")
    assert np.array_equal(one.pixels, other.pixels) == (seed == 0)
    assert (one.digest == other.digest) == (seed == 0)
    assert replace(one, digest="").patients == other.patients
