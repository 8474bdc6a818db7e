"""The prompt of each item."""

from __future__ import annotations

import pytest
import torch
from medm2g.objectives.tiny import DIM, NULL, generator

from synthmed.medm2g.objectives.conditions import choose_condition

N = 6_000


def test_what_comes_out_is_an_average_not_normalised_or_null_at_the_rate() -> None:
    tokens = torch.eye(DIM)[None, :2, None].expand(N, -1, -1, -1)
    chosen = choose_condition(tokens, torch.ones(N, 2, dtype=torch.bool), NULL, 0.1, generator())
    assert chosen.shape == (N, 1, DIM)
    options = torch.stack([*torch.eye(DIM)[:2], (torch.eye(DIM)[0] + torch.eye(DIM)[1]) / 2, NULL[0, 0]])
    is_option = (chosen == options).all(-1)
    assert is_option.sum(1).eq(1).all()
    # Five standard deviations.
    assert is_option.float().mean(0).tolist() == pytest.approx([0.3, 0.3, 0.3, 0.1], abs=0.03)


def test_what_does_not_exist_is_never_used() -> None:
    tokens = torch.full((N, 3, 1, DIM), torch.nan)
    tokens[:, 1] = 1.0
    has = torch.tensor([False, True, False]).expand(N, -1).clone()
    has[::2] = False
    chosen = choose_condition(tokens, has, NULL, 0.0, generator())
    assert torch.equal(chosen[::2], NULL.expand(N // 2, -1, -1))
    assert torch.equal(chosen[1::2], torch.ones(N // 2, 1, DIM))


def test_without_drop_and_with_it_always() -> None:
    tokens, has = torch.ones(50, 2, 1, DIM), torch.ones(50, 2, dtype=torch.bool)
    assert torch.equal(choose_condition(tokens, has, NULL, 0.0, generator()), torch.ones(50, 1, DIM))
    assert torch.equal(choose_condition(tokens, has, NULL, 1.0, generator()), NULL.expand(50, -1, -1))
