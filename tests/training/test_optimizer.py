"""The learning rate at a step, and torch's AdamW."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from training.toy import settings

from synthmed.training.optimizer import make_optimizer, make_schedule

CPU = torch.device("cpu")


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_learning_rate_from_the_start_and_after_a_resume(schedule: str) -> None:
    wanted = settings(steps=20, warmup_steps=5, schedule=schedule, learning_rate=0.2)
    expected = [
        0.2 * (step / 5 if step < 5 else (1 + math.cos(math.pi * (step - 5) / 15)) / 2 if schedule == "cosine" else 1)
        for step in range(20)
    ]
    optimizer = make_optimizer([nn.Parameter(torch.ones(1))], wanted, CPU)
    stepped = make_schedule(optimizer, wanted)
    for step in range(20):
        assert stepped.get_last_lr()[0] == optimizer.param_groups[0]["lr"] == pytest.approx(expected[step])
        resumed = make_optimizer([nn.Parameter(torch.ones(1))], wanted, CPU)
        assert make_schedule(resumed, wanted, step).get_last_lr() == stepped.get_last_lr()
        assert resumed.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
        optimizer.step()
        stepped.step()


def test_the_fused_optimiser_is_adamw() -> None:
    """Against algorithm 2 of the paper in float64."""
    wanted = settings(learning_rate=0.1, weight_decay=0.3, betas=(0.8, 0.9), eps=1e-3)
    parameter = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = make_optimizer([parameter], wanted, CPU)
    weights = parameter.detach().double().clone()
    first, second = torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for step, gradient in enumerate(torch.randn(10, 2, generator=torch.Generator().manual_seed(0)), 1):
        parameter.grad = gradient.clone()
        optimizer.step()
        first = 0.8 * first + 0.2 * gradient.double()
        second = 0.9 * second + 0.1 * gradient.double() ** 2
        update = (first / (1 - 0.8**step)) / ((second / (1 - 0.9**step)).sqrt() + 1e-3)
        weights = weights - 0.1 * (update + 0.3 * weights)
    torch.testing.assert_close(parameter.detach().double(), weights, rtol=1e-5, atol=1e-6)
