"""What an objective may train."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from training.toy import Denoiser

from synthmed.training.objective import set_training, trainable


def test_the_parameters_by_name() -> None:
    assert list(trainable(Denoiser())) == [f"net.{at}.{kind}" for at in (0, 1, 4) for kind in ("weight", "bias")]


def test_what_is_refused() -> None:
    outside = Denoiser()
    outside.teacher = nn.Linear(1, 1)
    with pytest.raises(ValueError, match=r"teacher.weight requires a gradient"):
        trainable(outside)
    with pytest.raises(ValueError, match="nothing to train"):
        trainable(Denoiser().requires_grad_(False))
    with pytest.raises(ValueError, match=r"net.0.weight is torch.float16"):
        trainable(Denoiser().half())
    with pytest.raises(ValueError, match=r"Linear.trained is not a torch.nn.ModuleDict"):
        trainable(nn.Linear(1, 1))


def test_frozen_networks_are_in_evaluation_mode() -> None:
    objective = Denoiser()
    objective.teacher = nn.Dropout()
    set_training(objective)
    assert objective.training
    assert all(module.training for module in objective.trained["net"].modules())
    assert not objective.trained["frozen"].training
    assert not objective.teacher.training


def test_a_network_in_two_places_is_trained_once() -> None:
    objective = Denoiser()
    objective.alias = objective.trained["net"]
    assert len(trainable(objective)) == 6
    assert all(isinstance(parameter, torch.nn.Parameter) for parameter in trainable(objective).values())
