"""Which weights train, and the proof of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from synthmed.errors import UserError
from synthmed.training.freeze import digest, train_only


def networks() -> nn.ModuleDict:
    return nn.ModuleDict({"unet": nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), "text": nn.Linear(2, 2)})


def test_patterns_choose() -> None:
    modules = networks()
    assert train_only(modules, ["unet.*.bias", "text.*"]) == ["unet.0.bias", "unet.1.bias", "text.weight", "text.bias"]
    assert [name for name, value in modules.named_parameters() if value.requires_grad] == [
        "unet.0.bias",
        "unet.1.bias",
        "text.weight",
        "text.bias",
    ]
    assert train_only(modules, []) == []
    assert len(train_only(modules, ["*"])) == 6


def test_a_pattern_that_matches_nothing() -> None:
    modules = networks()
    with pytest.raises(UserError, match=r"no parameter matches 'unet.0.wieght'; the nearest is unet.0.weight"):
        train_only(modules, ["text.*", "unet.0.wieght"])
    assert all(parameter.requires_grad for parameter in modules.parameters())
    with pytest.raises(UserError, match="no parameters"):
        train_only(nn.ModuleDict(), ["*"])


def test_a_digest_tells_every_change() -> None:
    modules = networks()
    before = digest(modules)
    assert list(before)[:2] == ["unet.0.weight", "unet.0.bias"]
    assert "unet.1.running_mean" in before
    modules["unet"](torch.randn(4, 2))
    after = digest(modules)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"unet.1.running_mean", "unet.1.running_var", "unet.1.num_batches_tracked"}
    zeros = [nn.ParameterDict({"w": torch.zeros(shape)}) for shape in ((2, 3), (3, 2))]
    zeros.append(nn.ParameterDict({"w": torch.zeros(6, dtype=torch.float64)}))
    assert len({digest(one)["w"] for one in zeros}) == 3
    assert digest(nn.ParameterDict({"w": torch.zeros(2, 3).T}))["w"] == digest(zeros[1])["w"]
