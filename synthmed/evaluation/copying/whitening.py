"""What all of a gallery's pictures share, made small, so that what tells them apart decides."""

from __future__ import annotations

import torch

SHRINKAGE = 0.3
"""Of the mean variance, added to every direction's: what hardly varies is mostly noise and is not blown up."""


def whitening(vectors: torch.Tensor) -> torch.Tensor:
    """(p, p) symmetric: (C + `SHRINKAGE` mean(C) I)^(-1/2), C the second moment of (n, p) vectors about 0.

    Similarity after whitening is what linear discriminant analysis has for one example against all others
    (B. Hariharan, J. Malik, D. Ramanan, ECCV 2012).
    """
    moment = vectors.T @ vectors / len(vectors)
    variances, directions = torch.linalg.eigh(moment)
    scaled = directions * (variances + SHRINKAGE * variances.mean()).clamp_min(1e-12).rsqrt()
    found: torch.Tensor = scaled @ directions.T
    return found
