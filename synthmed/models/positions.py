"""Fixed 2-D sine-cosine positions that two grids of different sizes share."""

from __future__ import annotations

import torch
from diffusers.models.embeddings import get_1d_sincos_pos_embed_from_grid

_SPAN = 16.0
"""Length of an image's side in units of position, as in diffusers' `get_2d_sincos_pos_embed` (its ``base_size``)."""


def grid_positions(
    height: int, width: int, dim: int, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Positions of the cells of a grid that covers an image, (height · width, dim), rows first.

    Half of ``dim`` encodes the column and half the row of a cell's centre (Dosovitskiy et al. 2021's 2-D form of
    Vaswani et al. 2017), measured in sixteenths of the image's side: the cells of an 8 × 8 and of a 32 × 32 grid that
    lie at the same place have nearly the same position.

    Raises:
        ValueError: ``dim`` is not a multiple of 4.
    """
    if dim % 4:
        raise ValueError(f"positions need a width that is a multiple of 4, not {dim}")
    columns = _axis(width, dim // 2, device)[None].expand(height, -1, -1)
    rows = _axis(height, dim // 2, device)[:, None].expand(-1, width, -1)
    return torch.cat([columns, rows], dim=-1).flatten(0, 1).to(dtype)


def _axis(cells: int, dim: int, device: torch.device | None) -> torch.Tensor:
    """Float64 where the device has it."""
    centres = (torch.arange(cells, device=device, dtype=torch.float32) + 0.5) * (_SPAN / cells)
    axis: torch.Tensor = get_1d_sincos_pos_embed_from_grid(dim, centres)
    return axis
