"""InfoNCE, the loss of central alignment."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812

from synthmed.training.distributed import gather


def info_nce(a: torch.Tensor, b: torch.Tensor, logit_scale: torch.Tensor | float) -> torch.Tensor:
    """Symmetric InfoNCE, equation 3 of MedM2G: row i of ``a`` and row i of ``b`` are a pair, all others are not.

    The mean of the cross-entropies of choosing b's row for a's, and a's for b's, among the rows of all processes.

    Args:
        a: (B, d) vectors, normalised here.
        b: (B, d) likewise.
        logit_scale: log 1/τ, as CLIP has it; 0 for bare cosines.

    Returns:
        A scalar, the same in every process.
    """
    a, b = (gather(F.normalize(vectors, dim=1)) for vectors in (a, b))
    logits = torch.as_tensor(logit_scale, dtype=a.dtype, device=a.device).exp() * (a @ b.T)
    pairs = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
