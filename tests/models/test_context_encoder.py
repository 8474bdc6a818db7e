"""Environment encoders."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from synthmed.models.context_encoder import ContextEncoder, FlatContextEncoder
from synthmed.models.positions import grid_positions


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_codis_sizes() -> None:
    """52.4 and 95.6 million, beside a time embedding that CoDi takes from its UNet."""
    with torch.device("meta"):
        image = ContextEncoder(4, dim=1280, width=160, tokens_grid=None, time_dim=1280, strides=(2, 2))
        text = FlatContextEncoder(768, dim=1280, width=160, time_dim=1280)
    time = 160 * 1280 + 1280 + 1280 * 1280 + 1280
    assert count(image) - time == 52_352_800
    assert count(text) - time == 95_597_440


def test_a_grid_of_tokens_keeps_places() -> None:
    torch.manual_seed(0)
    model = ContextEncoder(3, dim=12, width=8, tokens_grid=(4, 8), time_dim=16)
    z, t = torch.randn(2, 3, 16, 32), torch.tensor([3, 900])
    tokens = model(z, t)
    assert tokens.shape == (2, 32, 12)
    moved = z.clone()
    moved[:, :, 14:, :2] += 2
    change = (model(moved, t) - tokens).abs().sum(dim=-1)
    assert (change[:, [16, 17, 24, 25]].mean(dim=1) > 2 * change[:, [6, 7, 14, 15]].mean(dim=1)).all()


def test_positions_are_added_to_grid_tokens() -> None:
    torch.manual_seed(0)
    model = ContextEncoder(3, dim=12, width=8, tokens_grid=(2, 4), time_dim=16)
    for parameter in model.head[2].parameters():
        torch.nn.init.zeros_(parameter)
    tokens = model(torch.randn(1, 3, 8, 16), torch.tensor([5]))
    torch.testing.assert_close(tokens[0], grid_positions(2, 4, 12))


@pytest.mark.parametrize("flat", [False, True])
def test_the_papers_single_token(flat: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    z = torch.randn(3, 10) if flat else torch.randn(3, 2, 8, 8)
    model = (
        FlatContextEncoder(10, dim=12, width=8, time_dim=16)
        if flat
        else ContextEncoder(2, dim=12, width=8, tokens_grid=None, time_dim=16, strides=(2, 2))
    )
    t = torch.tensor([1, 50, 999])
    tokens = model(z, t)
    assert tokens.shape == (3, 1, 12)
    torch.testing.assert_close(tokens.norm(dim=-1), torch.ones(3, 1))
    adaptive = torch.randn(3, 2, 12)
    both = model(z, t, adaptive)
    assert torch.equal(both, torch.cat([tokens, adaptive], dim=1))
    # New fully connected blocks are their shortcuts and see no time.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    same, other = model(z, t), model(z, t.flip(0))
    torch.testing.assert_close(other[1], same[1])
    assert (other - same)[[0, 2]].abs().max() > 1e-3
    model.save_pretrained(tmp_path)
    assert torch.equal(type(model).from_pretrained(tmp_path)(z, t), model(z, t))
