"""What images are compared by: small grey copies, and these without their light: local mean 0, local contrast 1."""

from __future__ import annotations

import torch
from monai.networks.layers import gaussian_1d, separable_filtering
from torch.nn import functional

SIDE = 64
"""Rows and columns of a thumbnail; images of any size become squares of it."""
CONTRAST_FLOOR = 0.04
"""A local standard deviation, of a range of 1: what varies less is taken for noise and kept small."""


def thumbnails(images: torch.Tensor) -> torch.Tensor:
    """(n, C, H, W) in [0, 1] to (n, 1, `SIDE`, `SIDE`) float32; channels are averaged."""
    grey = images.float().mean(dim=1, keepdim=True)
    return functional.interpolate(grey, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


def without_light(pictures: torch.Tensor, sigma: float, seen: torch.Tensor | None = None) -> torch.Tensor:
    """(x - mean) / (deviation + `CONTRAST_FLOOR`), both under a Gaussian window: hardly moved by gamma and contrast.

    Local normalisation as of D. Sage and M. Unser (IEEE Computing in Science & Engineering 5, 2003), with normalised
    convolution (H. Knutsson and C.-F. Westin, CVPR 1993) at borders and holes, which thus make no edges.

    Args:
        pictures: (n, 1, rows, columns).
        sigma: of the window, in pixels.
        seen: of the same shape, 1 where there is a value and 0 where there is none; everywhere where left out.

    Returns:
        The same shape, 0 where nothing is seen.
    """
    weight = torch.ones_like(pictures[:1]) if seen is None else seen
    total = smooth(weight, sigma).clamp_min(1e-6)
    mean = smooth(pictures * weight, sigma) / total
    variance = (smooth(pictures.square() * weight, sigma) / total - mean.square()).clamp_min(0)
    return (pictures - mean) / (variance.sqrt() + CONTRAST_FLOOR) * weight


def smooth(pictures: torch.Tensor, sigma: float) -> torch.Tensor:
    """Under a Gaussian of ``sigma`` pixels; outside counts as 0."""
    kernel = gaussian_1d(torch.tensor(sigma), truncated=3.0)
    filtered: torch.Tensor = separable_filtering(pictures, [kernel, kernel], mode="zeros")
    return filtered


def correlation(one: torch.Tensor, other: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Pearson's of each pair, (n,): of (n, pixels) each, over the pixels where ``weight`` is 1; 0 for flat ones."""
    count = weight.sum(dim=1, keepdim=True).clamp_min(1)
    left = (one - (one * weight).sum(dim=1, keepdim=True) / count) * weight
    right = (other - (other * weight).sum(dim=1, keepdim=True) / count) * weight
    lengths = torch.linalg.vector_norm(left, dim=1) * torch.linalg.vector_norm(right, dim=1)
    found: torch.Tensor = (left * right).sum(dim=1) / lengths.clamp_min(1e-6)
    return found
