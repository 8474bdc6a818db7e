"""The fine half of the search: lay a training image on a picture as exactly as it goes.

Gauss-Newton on the squared difference after an affine warp, a gain and an offset: B. Lucas and T. Kanade (IJCAI 1981)
with the linear appearance variation of S. Baker, R. Gross and I. Matthews (CMU-RI-TR-03-35, 2003).
"""

from __future__ import annotations

import torch

from synthmed.evaluation.copying.poses import sample
from synthmed.evaluation.copying.thumbnails import correlation

MIN_OVERLAP = 0.4
"""The least share of the picture's pixels that is compared; with less there is no score."""
_MAX_STEP = 0.12
"""Of the image's half sides, for each number of a pose."""


def register(
    fixed: torch.Tensor, moving: torch.Tensor, weight: torch.Tensor, steps: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Poses that raise the correlation of each pair, and that correlation; never lower than unmoved.

    Args:
        fixed, moving: (n, 1, side, side), without light.
        weight: 1 where ``moving`` counts, 0 where it does not.
        steps: of Gauss-Newton.

    Returns:
        (n, 2, 3) poses from positions in ``fixed`` to positions in ``moving``, and (n,) correlations, -1 where fewer
        pixels than `MIN_OVERLAP` count.
    """
    n, side = len(fixed), fixed.shape[-1]
    rows, columns = torch.gradient(moving, spacing=2 / side, dim=(2, 3))
    stack = torch.cat([moving, columns, rows, weight], dim=1)
    target = fixed.flatten(1)
    place = (2 * torch.arange(side) + 1) / side - 1
    down, right = torch.meshgrid(place, place, indexing="ij")
    basis = torch.stack([right.flatten(), down.flatten(), torch.ones(side * side)])
    poses = torch.eye(2, 3).expand(n, 2, 3)
    best_poses, best = poses, torch.full((n,), -torch.inf)
    for step in range(steps + 1):
        warped, along, across, counts = sample(stack, poses, side).flatten(2).unbind(1)
        seen = (counts > 0.99).float()
        score = correlation(target, warped, seen).where(seen.mean(dim=1) >= MIN_OVERLAP, torch.tensor(-1.0))
        better = score > best
        best, best_poses = score.where(better, best), poses.where(better[:, None, None], best_poses)
        if step < steps:
            slopes = [along[:, None] * basis, across[:, None] * basis]
            design = torch.cat([*slopes, warped[:, None], torch.ones_like(seen)[:, None]], dim=1) * seen[:, None]
            poses = poses + _change(design, target)
    return best_poses, best


def _change(design: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(n, 2, 3) of (n, 8, pixels) derivatives by the pose, the gain and the offset: least squares, lightly damped."""
    normal = design @ design.transpose(1, 2)
    damping = 1e-3 * normal.diagonal(dim1=1, dim2=2).mean(dim=1) + 1e-6
    right = design @ target[:, :, None]
    solved: torch.Tensor = torch.linalg.solve(normal + damping[:, None, None] * torch.eye(8), right)[:, :, 0]
    # The derivatives are those of the gain times the warped image.
    change = solved[:, :6] / solved[:, 6:7].clamp_min(0.1)
    return change.clamp(-_MAX_STEP, _MAX_STEP).reshape(-1, 2, 3)
