from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.corpora import MemoryCorpus

from synthmed.downstream.tasks.segmentation import Segmentation
from synthmed.downstream.truth import Batch
from synthmed.errors import UserError

TASK = Segmentation("ct", ("background", "lung", "heart"))


def maps(*rows: str) -> np.ndarray:
    """Label maps of one line each."""
    return np.array([[[int(value) for value in row]] for row in rows], np.uint8)


def test_dice_of_every_structure_and_what_is_seen_where_there_is_none() -> None:
    truth = maps("1122", "1100", "0000", "0000")
    said = maps("1222", "1000", "2000", "0000")
    found = TASK.score(said, truth)
    # lung: 2·1/(1+2), 2·1/(1+2), neither, neither; heart: 2·2/(3+2), neither, false alarm, neither
    assert found["dice/lung"] == pytest.approx(2 / 3)
    assert found["dice/heart"] == pytest.approx(4 / 5)
    assert found["dice"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["false_alarm/lung"] == 0
    assert found["false_alarm/heart"] == pytest.approx(1 / 3)
    assert found["dice_all/lung"] == pytest.approx((2 / 3 + 2 / 3 + 1 + 1) / 4)
    assert found["dice_all/heart"] == pytest.approx((4 / 5 + 1 + 0 + 1) / 4)


def test_a_structure_that_no_image_has_has_no_dice() -> None:
    found = TASK.score(maps("1100", "0000"), maps("1100", "1000"))
    assert "dice/heart" not in found
    assert found["dice"] == found["dice/lung"]
    assert np.isnan(TASK.score(maps("0000"), maps("0000"))["dice"])


def test_scored_names_alone_count() -> None:
    task = Segmentation("ct", TASK.names, scored=("heart",))
    truth = maps("1122", "0000")
    assert task.score(truth, truth).keys() == {
        *("dice", "dice/heart", "false_alarm", "false_alarm/heart", "dice_all", "dice_all/heart")
    }
    assert task.presence(truth).tolist() == [[True], [False]]
    assert TASK.presence(truth).tolist() == [[True, True], [False, False]]


def test_a_value_without_a_name_is_refused() -> None:
    corpus = MemoryCorpus({"ct": np.zeros((1, 1, 1, 4), np.float32)}, masks={"ct": maps("0123")})
    with pytest.raises(UserError, match="value 3, names go to 2"):
        TASK.truth(corpus, [0])


@pytest.mark.parametrize("network", ["unet", "dynunet"])
def test_networks_give_a_label_a_pixel_and_learn(network: str) -> None:
    task = Segmentation("ct", TASK.names, network=network)  # type: ignore[arg-type]  # parametrised
    truth = np.zeros((2, 16, 16), np.uint8)
    truth[:, 4:12, 2:8], truth[:, 4:12, 10:14] = 1, 2
    images = torch.from_numpy(truth / 2).float()[:, None]
    net = task.build(1, 0)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for _ in range(12):
        loss = task.loss(net, Batch(images, torch.from_numpy(truth).long()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    with torch.no_grad():
        said = np.asarray(task.predict(net.eval(), images))
    assert said.shape == truth.shape
    assert said.dtype == np.uint8
