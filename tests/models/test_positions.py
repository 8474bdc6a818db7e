"""Positions that grids share, and the groups of norms."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.embeddings import get_2d_sincos_pos_embed_from_grid

from synthmed.models.norm import norm_groups
from synthmed.models.positions import grid_positions


def test_positions_against_diffusers_at_cell_centres() -> None:
    rows, columns = torch.meshgrid((torch.arange(3) + 0.5) / 3 * 16, (torch.arange(5) + 0.5) / 5 * 16, indexing="ij")
    reference = get_2d_sincos_pos_embed_from_grid(8, torch.stack([columns, rows]))
    torch.testing.assert_close(grid_positions(3, 5, 8), reference.float())
    # The centre of an odd grid is the centre of any other.
    torch.testing.assert_close(grid_positions(3, 3, 8)[4], grid_positions(7, 5, 8)[3 * 5 + 2])
    with pytest.raises(ValueError, match="multiple of 4"):
        grid_positions(2, 2, 6)


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (4, 1), (16, 4), (48, 4), (64, 16), (128, 32), (320, 32)])
def test_groups(channels: int, groups: int) -> None:
    assert norm_groups(channels) == groups
    assert channels % groups == 0
