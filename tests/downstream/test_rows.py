from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.corpora import MemoryCorpus

from synthmed.downstream.rows import read_rows
from synthmed.downstream.tasks.classification import Classification
from synthmed.downstream.tasks.detection import Detection
from synthmed.downstream.tasks.segmentation import Segmentation
from synthmed.downstream.truth import Boxes
from synthmed.errors import UserError
from synthmed.evaluation.corpus import Facts
from synthmed.sample import NOT_STATED, Box

MASS = Classification("ct", ("mass",))


def corpus(n: int = 300) -> MemoryCorpus:
    """CT of one grey value a row, -1024 + place HU; every third row has no image, every fifth states no label."""
    values = np.arange(n, dtype=np.float32)[:, None, None, None] - 1024
    facts = [
        Facts(
            str(place),
            f"p{place // 2}",
            labels=(NOT_STATED,) if place % 5 == 0 else ("mass",) if place % 2 else ("no finding",),
            attributes={"age": place},
            boxes=(Box("ct", "mass", 1, 2, 3, 1), Box("xray", "mass", 0, 0, 1, 1), Box("ct", "other", 0, 0, 1, 1)),
        )
        for place in range(n)
    ]
    masks = (np.arange(n)[:, None, None] % 2 * np.ones((4, 6))).astype(np.uint8)
    images = {"ct": np.broadcast_to(values, (n, 1, 4, 6)).copy()}
    return MemoryCorpus(images, masks={"ct": masks}, facts=facts, absent={"ct": range(0, n, 3)})


def test_rows_are_those_with_image_and_label_in_order_and_scaled() -> None:
    rows = read_rows(corpus(), MASS)
    expected = [place for place in range(300) if place % 3 and place % 5]
    assert [row["age"] for row in rows.attributes] == expected
    assert rows.patients == tuple(f"p{place // 2}" for place in expected)
    assert np.asarray(rows.truth)[:, 0].tolist() == [place % 2 for place in expected]
    # -1024 … 1024 HU are 0 … 1.
    np.testing.assert_allclose(rows.pixels[:, 0, 0, 0], np.array(expected) / 2048, rtol=1e-3)
    assert rows.pixels.shape == (len(expected), 1, 4, 6)
    assert rows.pixels.dtype == np.float16


def test_places_choose_rows_and_change_the_digest() -> None:
    everything, some = read_rows(corpus(), MASS), read_rows(corpus(), MASS, places=[1, 2, 3, 4, 7])
    assert [row["age"] for row in some.attributes] == [1, 2, 4, 7]
    assert some.digest not in (everything.digest, read_rows(corpus(), MASS, places=[1, 2]).digest)
    assert read_rows(corpus(), MASS).digest == everything.digest


def test_a_file_holds_what_memory_would(tmp_path: Path) -> None:
    kept = read_rows(corpus(), MASS, keep=tmp_path / "pixels.npy")
    assert isinstance(kept.pixels, np.memmap)
    np.testing.assert_array_equal(kept.pixels, read_rows(corpus(), MASS).pixels)


def test_masks_and_boxes_go_with_their_rows() -> None:
    maps = read_rows(corpus(), Segmentation("ct", ("background", "1"))).take([3, 0])
    assert [row["age"] for row in maps.attributes] == [5, 1]
    assert np.asarray(maps.truth)[:, 0, 0].tolist() == [1, 1]
    boxes = read_rows(corpus(), Detection("ct", ("nodule", "mass"))).take([0])
    (found,) = boxes.truth
    assert isinstance(found, Boxes)
    assert found.corners.tolist() == [[2, 1, 3, 4]]
    assert found.categories.tolist() == [1]


def test_a_batch_has_tensors_of_the_kind_of_truth() -> None:
    at = np.array([2, 0])
    labels = read_rows(corpus(), MASS).batch(at)
    assert labels.images.dtype == torch.float32
    assert isinstance(labels.truth, torch.Tensor)
    assert labels.truth.dtype == torch.float32
    assert labels.truth.tolist() == [[0.0], [1.0]]
    maps = read_rows(corpus(), Segmentation("ct", ("background", "1"))).batch(at)
    assert isinstance(maps.truth, torch.Tensor)
    assert maps.truth.dtype == torch.int64
    boxes = read_rows(corpus(), Detection("ct", ("mass",))).batch(at)
    assert isinstance(boxes.truth, list)
    assert boxes.truth[0]["boxes"].tolist() == [[2, 1, 3, 4]]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Classification("xray", ("mass",)), "no image 'xray'"),
        (Classification("ct", ("a", "b"), exclusive=True), "none of 200 rows"),
        (Segmentation("ct", ("background", "lung")), "must be equal"),
        (Segmentation("ct", ("background", "1"), scored=("2",)), "scored '2'"),
        (Detection("ct", ("mass",), width=20), "multiple of 8"),
    ],
)
def test_a_task_that_the_rows_cannot_answer_is_refused(task: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_rows(corpus(), task)  # type: ignore[arg-type]  # one of the three
