"""Adaptive parameters."""

from __future__ import annotations

from pathlib import Path

import torch

from synthmed.models.adaptive import AdaptiveParameters


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_adaptive_parameters() -> None:
    torch.manual_seed(0)
    with_free, without = AdaptiveParameters(6, 12, tokens=3), AdaptiveParameters(6, 12, tokens=3, free=False)
    assert count(with_free) - count(without) == 3 * 12
    without.embedding.load_state_dict(with_free.embedding.state_dict())
    prompt = torch.randn(2, 4, 6)
    found = with_free(prompt)
    assert found.shape == (2, 3, 12)
    assert with_free.context is not None
    torch.testing.assert_close(found - without(prompt), with_free.context.expand(2, -1, -1))
    torch.testing.assert_close(without(prompt), sum(without(prompt[:, i : i + 1]) for i in range(4)) / 4)
    found.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in with_free.parameters())


def test_adaptive_folder(tmp_path: Path) -> None:
    model = AdaptiveParameters(6, 12)
    model.save_pretrained(tmp_path)
    prompt = torch.randn(2, 1, 6)
    assert torch.equal(AdaptiveParameters.from_pretrained(tmp_path)(prompt), model(prompt))


def test_nothing_known_is_the_free_vectors_alone() -> None:
    model, without = AdaptiveParameters(6, 12, tokens=3), AdaptiveParameters(6, 12, tokens=3, free=False)
    assert model.context is not None
    assert torch.equal(model.unknown(2), torch.stack([model.context] * 2))
    assert torch.equal(without.unknown(2), torch.zeros(2, 3, 12))
