from __future__ import annotations

import torch
from torch import nn

from synthmed.medart.lora import LoraSpec, add_adapter
from synthmed.medart.training.dora import lift_zero_rows


def test_dora_of_a_weight_with_a_zero_row_has_finite_gradients() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    x = torch.randn(5, 4)
    spec = LoraSpec(rank=2, dora=True, targets=("1",))
    with torch.no_grad():
        network[0].weight[0] = network[1].weight[1] = 0
    before = network(x)
    assert lift_zero_rows(network, spec) == 1
    assert not network[0].weight[0].any()  # no target
    adapted = add_adapter(network, spec)
    out = adapted(x)
    assert torch.allclose(out, before, atol=1e-6)
    out.square().sum().backward()
    gradients = [value.grad for name, value in adapted.named_parameters() if "lora_" in name]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
