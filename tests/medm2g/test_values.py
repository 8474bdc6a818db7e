"""Given images at the model's size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from synthmed.data.transforms.defaults import fit
from synthmed.errors import UserError
from synthmed.medm2g.config import FlowConfig, Group
from synthmed.medm2g.values import to_network

GROUPS = (Group(field="xray", channels=4, autoencoder="a"), Group(field="xray.mask", channels=2, autoencoder="b"))
FLOW = FlowConfig(name="xray", groups=GROUPS, mask_names=("heart",), pixels=(1, 32, 32))


@pytest.mark.parametrize("shape", [(32, 32), (64, 64), (24, 64), (50, 31), (16, 8)])
def test_given_images_are_fitted_as_those_of_a_training(shape: tuple[int, int]) -> None:
    rows, columns = np.mgrid[: shape[0], : shape[1]] / (max(shape) - 1)
    image = (0.2 + 0.4 * rows + 0.3 * columns)[None].astype(np.float32)
    label_map = np.ones((1, *shape), np.uint8)
    item = {"xray": MetaTensor(torch.from_numpy(image)), "xray.mask": MetaTensor(torch.from_numpy(label_map))}
    expected = fit("xray", 32)(item)

    found = to_network(FLOW, "xray", image)
    assert found.shape == (1, 1, 32, 32)
    marked = to_network(FLOW, "xray.mask", label_map)[0]
    assert marked.dtype == torch.uint8
    assert torch.equal(marked, expected["xray.mask"].as_tensor())
    # Smoothed by another kernel, which differs where the image ends.
    inside = torch.nn.functional.avg_pool2d(marked.float(), 5, 1, 2) > 0.99
    unit = (found[0] + 1) / 2
    assert (unit[marked == 0] == 0).all()
    torch.testing.assert_close(unit[inside], expected["xray"].as_tensor()[inside], atol=0.03, rtol=0)


def test_a_line_of_pixels_is_left_a_line() -> None:
    found = to_network(FLOW, "xray", np.ones((1, 1, 300), np.float32))
    assert found.shape == (1, 1, 32, 32)
    assert (found[0, 0, 15] > 0.999).all()
    assert (found > -1).sum() == 32


def test_what_cannot_be_used_is_refused() -> None:
    for field, value, message in (
        ("xray", np.zeros((3, 8, 8)), r"given xray: shape \(3, 8, 8\); it is \(1, rows, columns\)"),
        ("xray", np.zeros((1, 0, 8)), "given xray: shape"),
        ("xray", np.full((1, 8, 8), np.nan), "not finite"),
        ("xray.mask", np.full((1, 8, 8), 2, np.uint8), "given xray.mask: label 2; the model knows 0, 1 heart"),
    ):
        with pytest.raises(UserError, match=message):
            to_network(FLOW, field, value)
