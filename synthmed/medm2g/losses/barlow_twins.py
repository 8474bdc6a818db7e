"""Barlow Twins, the loss of the visual invariant."""

from __future__ import annotations

import torch
from torch import nn


def barlow_twins(z1: torch.Tensor, z2: torch.Tensor, off_diagonal: float = 0.0051) -> torch.Tensor:
    """sum_i (1 - C_ii)² + λ sum_{i≠j} C_ij², equation 4 of MedM2G (Zbontar et al., ICML 2021).

    C = Z1ᵀ Z2 of features with mean 0 and deviation 1/√K over the batch of K: a correlation matrix. Deviations are the
    biased ones, as a batch norm's (whose ε of 1e-5 keeps constant features finite). MONAI's `BarlowTwinsLoss` divides
    by the unbiased ones and then by K, so that its C is (K - 1)/K of this one and equal views do not reach C_ii = 1.

    Args:
        z1: (K, d) projections of one view, K of all processes: gather before the projector, so that its batch norm is
            over all of them too.
        z2: (K, d) of the other view.
        off_diagonal: λ.

    Raises:
        ValueError: K is 1, which has no deviation.
    """
    if len(z1) < 2:
        raise ValueError("Barlow Twins needs a batch of at least 2")
    z1, z2 = (nn.functional.batch_norm(z, None, None, training=True) for z in (z1, z2))
    correlation = z1.T @ z2 / len(z1)
    diagonal = correlation.diagonal()
    others = correlation.square().sum() - diagonal.square().sum()
    return (1 - diagonal).square().sum() + off_diagonal * others
