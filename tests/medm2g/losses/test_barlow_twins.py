"""Barlow Twins against the paper's definition, the authors' form and MONAI's."""

from __future__ import annotations

import pytest
import torch
from monai.losses import BarlowTwinsLoss
from torch import nn

from synthmed.medm2g.losses.barlow_twins import barlow_twins


def views(k: int = 12, d: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    z1 = torch.randn(k, d, generator=generator, dtype=torch.float64) * 3 + 1
    return z1, z1 + torch.randn(k, d, generator=generator, dtype=torch.float64)


def by_loops(z1: torch.Tensor, z2: torch.Tensor, off_diagonal: float) -> float:
    """Equation 4 as it is written: mean 0 and deviation 1/√K, C = Z1ᵀ Z2."""
    k, d = z1.shape
    columns = []
    for z in (z1, z2):
        centred = [[float(z[n, i]) - sum(map(float, z[:, i])) / k for n in range(k)] for i in range(d)]
        deviations = [(sum(x * x for x in column) / k) ** 0.5 for column in centred]
        columns.append([[x / (s * k**0.5) for x in column] for column, s in zip(centred, deviations, strict=True)])
    total = 0.0
    for i in range(d):
        for j in range(d):
            c = sum(x * y for x, y in zip(columns[0][i], columns[1][j], strict=True))
            total += (1 - c) ** 2 if i == j else off_diagonal * c * c
    return total


def test_it_is_the_papers_definition() -> None:
    z1, z2 = views()
    assert float(barlow_twins(z1, z2)) == pytest.approx(by_loops(z1, z2, 0.0051), rel=1e-4)
    assert float(barlow_twins(z1, z2, 0.7)) == pytest.approx(by_loops(z1, z2, 0.7), rel=1e-4)


def test_it_is_the_authors_form() -> None:
    """facebookresearch/barlowtwins: an affine-free batch norm, then z1ᵀ z2 / K."""
    z1, z2 = views()
    norm = nn.BatchNorm1d(5, affine=False, dtype=torch.float64)
    c = norm(z1).T @ norm(z2) / len(z1)
    eye = torch.eye(5, dtype=torch.float64)
    expected = ((c - eye) ** 2 * (eye + 0.0051 * (1 - eye))).sum()
    torch.testing.assert_close(barlow_twins(z1, z2), expected, rtol=1e-12, atol=0)


def test_monais_is_it_after_the_correction() -> None:
    """MONAI's C is (K - 1)/K of the paper's: its deviations are unbiased, its division is by K."""
    z1, z2 = views()
    k = len(z1)
    corrected = barlow_twins_of_scaled(z1, z2, (k - 1) / k)
    torch.testing.assert_close(BarlowTwinsLoss(lambd=0.0051)(z1, z2), corrected, rtol=1e-4, atol=0)
    assert float(BarlowTwinsLoss(lambd=0.0051)(z1, z1)) > float(barlow_twins(z1, z1))
    assert float(BarlowTwinsLoss(lambd=0.0)(z1, z1)) == pytest.approx(5 / k**2, rel=1e-4)
    assert float(barlow_twins(z1, z1, 0.0)) == pytest.approx(0.0, abs=1e-9)


def barlow_twins_of_scaled(z1: torch.Tensor, z2: torch.Tensor, factor: float) -> torch.Tensor:
    c = factor * torch.corrcoef(torch.cat([z1, z2], dim=1).T)[:5, 5:]
    eye = torch.eye(5, dtype=torch.float64)
    return ((c - eye) ** 2 * (eye + 0.0051 * (1 - eye))).sum()


def test_the_gradient_is_right_and_constant_features_are_finite() -> None:
    z1, z2 = (z[:, :3].clone().requires_grad_() for z in views(6))
    assert torch.autograd.gradcheck(barlow_twins, (z1, z2))
    constant = torch.ones(4, 3, requires_grad=True)
    barlow_twins(constant, torch.randn(4, 3)).backward()
    assert constant.grad is not None
    assert constant.grad.isfinite().all()
    with pytest.raises(ValueError, match="at least 2"):
        barlow_twins(torch.ones(1, 3), torch.ones(1, 3))
