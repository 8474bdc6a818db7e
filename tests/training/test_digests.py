from __future__ import annotations

import torch
from helpers.digests import digest
from torch import nn


def test_a_digest_tells_every_change() -> None:
    modules = nn.ModuleDict({"unet": nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), "text": nn.Linear(2, 2)})
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
