from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.corpora import MemoryCorpus

from synthmed.downstream.tasks.detection import Detection, as_boxes
from synthmed.downstream.truth import Batch, Boxes
from synthmed.evaluation.corpus import Facts
from synthmed.sample import Box

TASK = Detection("xray", ("nodule", "mass"), width=16, smallest=6)


def test_boxes_of_the_image_and_its_categories_go_there_and_back() -> None:
    mine = Box("xray", "mass", 3, 1, 5, 2)
    facts = [Facts("0", boxes=(mine, Box("ct", "mass", 0, 0, 1, 1), Box("xray", "rib", 0, 0, 1, 1))), Facts("1")]
    corpus = MemoryCorpus({"xray": np.zeros((2, 1, 8, 8), np.float32)}, facts=facts)
    one, none = TASK.truth(corpus, [0, 1])
    assert isinstance(one, Boxes)
    assert one.corners.tolist() == [[1, 3, 3, 8]]
    assert as_boxes(one, TASK) == [(mine, 1.0)]
    assert len(none) == 0
    assert TASK.presence((one, none)).tolist() == [[False, True], [False, False]]
    assert [TASK.usable(fact) for fact in facts] == [True, True]
    assert [Detection("xray", TASK.names, boxed=True).usable(fact) for fact in facts] == [True, False]


def test_the_whole_network_stays_below_a_million_parameters() -> None:
    net = Detection("xray", tuple("abcdefghij")).build(3, 0)
    assert 300_000 < sum(p.numel() for p in net.parameters()) < 1_000_000


def test_it_learns_to_box_bright_squares() -> None:
    """Rows and columns are told apart, and an image without a square trains too."""
    images = torch.full((4, 1, 32, 48), 0.1)
    truth = []
    for place, (top, left) in enumerate([(4, 20), (12, 8), (8, 30)]):
        images[place, :, top : top + 8, left : left + 14] = 0.9
        corners = torch.tensor([[top, left, top + 8, left + 14]], dtype=torch.float32)
        truth.append({"boxes": corners, "labels": torch.ones(1, dtype=torch.int64)})
    truth.append({"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)})
    net = TASK.build(1, 0)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    torch.manual_seed(0)
    for _ in range(60):
        loss = TASK.loss(net, Batch(images, truth))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        said = TASK.predict(net.eval(), images)
    known = tuple(
        Boxes(row["boxes"].numpy(), row["labels"].numpy(), np.ones(len(row["labels"]), np.float32)) for row in truth
    )
    assert TASK.score(said, known)["map50"] == pytest.approx(1, abs=0.2)


def test_a_batch_without_any_box_has_a_loss() -> None:
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    net = TASK.build(1, 0)
    loss = TASK.loss(net, Batch(torch.rand(2, 1, 32, 32), [dict(empty), dict(empty)]))
    loss.backward()
    assert torch.isfinite(loss)
