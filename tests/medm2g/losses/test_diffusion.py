"""The masked mean squared error."""

from __future__ import annotations

import torch

from synthmed.medm2g.losses.diffusion import group_mse


def test_only_what_counts_is_averaged() -> None:
    prediction = torch.randn(3, 4, 2, 5, requires_grad=True)
    target = torch.randn(3, 4, 2, 5)
    weight = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]).bool()[:, :, None, None]
    expected = torch.cat([(prediction - target)[0, :2].flatten(), (prediction - target)[1, 2:].flatten()])
    loss = group_mse(prediction, target, weight)
    torch.testing.assert_close(loss, expected.square().mean())
    loss.backward()
    assert prediction.grad is not None
    assert torch.equal(prediction.grad != 0, weight.expand_as(prediction))


def test_all_none_and_vectors() -> None:
    prediction, target = torch.randn(2, 3, 6, requires_grad=True)
    torch.testing.assert_close(
        group_mse(prediction, target, torch.ones(3, 1, dtype=torch.bool)),
        torch.nn.functional.mse_loss(prediction, target),
    )
    nothing = group_mse(prediction, target * torch.inf, torch.zeros(3, 1, dtype=torch.bool))
    assert nothing == 0
    assert nothing.requires_grad
