"""The average of the weights."""

from __future__ import annotations

import pytest
import torch
from diffusers.training_utils import EMAModel
from torch import nn

from synthmed.training.ema import Ema, ema_decay


def walk(steps: int) -> list[torch.Tensor]:
    return list(torch.randn(steps, 4, generator=torch.Generator().manual_seed(0)))


def test_the_closed_form() -> None:
    """Weight of step i: (1 - d_i) times the decays of all later steps; they add up to 1."""
    parameter = nn.Parameter(torch.zeros(4))
    ema = Ema({"w": parameter}, 0.7)
    values = walk(40)
    for step, value in enumerate(values, 1):
        parameter.data.copy_(value)
        ema.update(step)
    decays = torch.tensor([0.0, *(min(0.7, step / (9 + step)) for step in range(2, 41))], dtype=torch.float64)
    weights = torch.stack([(1 - decays[i]) * decays[i + 1 :].prod() for i in range(40)])
    assert weights.sum().item() == pytest.approx(1)
    expected = (weights[:, None] * torch.stack(values).double()).sum(0)
    torch.testing.assert_close(ema.averages["w"].double(), expected, rtol=1e-5, atol=1e-6)


def test_diffusers_agrees() -> None:
    parameter = nn.Parameter(torch.zeros(4))
    ours, theirs = Ema({"w": parameter}, 0.95), EMAModel([parameter], 0.95)
    for step, value in enumerate(walk(300), 1):
        parameter.data.copy_(value)
        ours.update(step)
        theirs.step([parameter])
        assert ema_decay(0.95, step) == pytest.approx(theirs.get_decay(step))
        torch.testing.assert_close(ours.averages["w"], theirs.shadow_params[0])


def test_applied_for_a_while() -> None:
    parameter = nn.Parameter(torch.ones(2))
    ema = Ema({"w": parameter}, 0.5)
    parameter.data.fill_(3)
    with pytest.raises(RuntimeError, match="inside"), ema.applied():
        assert parameter.tolist() == [1, 1]
        raise RuntimeError("inside")
    assert parameter.tolist() == [3, 3]


def test_float32_whatever_the_weights_are() -> None:
    parameter = nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    ema = Ema({"w": parameter}, 0.5)
    ema.update(1)
    assert ema.averages["w"].dtype == torch.float32
