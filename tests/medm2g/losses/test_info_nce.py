"""InfoNCE against a closed form and torch's own cross-entropy."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812

from synthmed.medm2g.losses.info_nce import info_nce


def test_it_is_the_double_loop_of_equation_3() -> None:
    a, b = torch.randn(2, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    temperature = 0.3
    unit_a, unit_b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)
    expected = 0.0
    for i in range(5):
        own = math.exp(float(unit_a[i] @ unit_b[i]) / temperature)
        of_a = sum(math.exp(float(unit_a[i] @ unit_b[j]) / temperature) for j in range(5))
        of_b = sum(math.exp(float(unit_a[j] @ unit_b[i]) / temperature) for j in range(5))
        expected += (-math.log(own / of_a) - math.log(own / of_b)) / 10
    torch.testing.assert_close(info_nce(a, b, -math.log(temperature)), torch.tensor(expected, dtype=torch.float64))


def test_it_is_the_cross_entropy_and_float32_is_enough() -> None:
    a, b = torch.randn(2, 16, 8, generator=torch.Generator().manual_seed(1))
    scale = torch.tensor(math.log(100.0))
    logits = 100 * F.cosine_similarity(a.double()[:, None], b.double()[None], dim=2)
    pairs = torch.arange(16)
    expected = (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
    torch.testing.assert_close(info_nce(a, b, scale).double(), expected, rtol=1e-5, atol=1e-5)


def test_closed_form_of_orthogonal_pairs() -> None:
    """n orthonormal pairs: log(1 + (n - 1) exp(-1/τ)); lengths of vectors do not matter."""
    n, log_scale = 6, 1.3
    vectors = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0]
    expected = math.log(1 + (n - 1) * math.exp(-math.exp(log_scale)))
    lengths = torch.rand(n, 1, dtype=torch.float64) + 0.5
    assert math.isclose(float(info_nce(vectors * lengths, vectors, log_scale)), expected, rel_tol=1e-12)
    assert math.isclose(float(info_nce(vectors, vectors.roll(1, 0), log_scale)), expected + math.exp(log_scale))
