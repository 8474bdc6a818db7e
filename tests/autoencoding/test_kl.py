"""The KL against torch.distributions, and OPTIMUS' free bits."""

from __future__ import annotations

import torch
from torch.distributions import Normal, kl_divergence

from synthmed.autoencoding.kl import free_bits, gaussian_kl
from synthmed.models.text_posterior import TextPosterior


def test_kl_is_torchs() -> None:
    mean, logvar = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    expected = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(torch.zeros_like(mean), torch.ones_like(mean)))
    torch.testing.assert_close(gaussian_kl(mean, logvar), expected)
    torch.testing.assert_close(gaussian_kl(mean[:, 0], logvar[:, 0]), TextPosterior(mean[:, 0], logvar[:, 0]).kl())


def test_free_dimensions_have_no_value_and_no_gradient() -> None:
    kl = torch.tensor([[0.1, 0.5, 0.7, 3.0], [0.0, 0.2, 0.3, 0.4]], requires_grad=True)
    counted = free_bits(kl, 0.5)
    torch.testing.assert_close(counted, torch.tensor([3.7, 0.0]))
    counted.sum().backward()
    assert kl.grad is not None
    assert kl.grad.tolist() == [[0, 0, 1, 1], [0, 0, 0, 0]]
    torch.testing.assert_close(free_bits(kl, 0.0), kl.sum(dim=1))
