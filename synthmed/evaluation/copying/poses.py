"""Where in a training image a copy may have been taken from: a grid of windows, turned, shrunk and moved.

Positions are those of `torch.nn.functional.affine_grid`: -1 to 1 over the image's sides, (x, y). A window's pose is the
2 x 3 matrix from positions in the copy to positions in the training image.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

_SCALES = (1.0, 0.87, 0.76)
_TURNS = (-8.0, -4.0, 0.0, 4.0, 8.0)
_STEP = 0.1


def pose_grids() -> list[tuple[float, torch.Tensor]]:
    """By scale, (poses, 2, 3): windows of 70 to 100 % of a side, to 10 % off where they fit, turned to 10 degrees.

    Neighbours are so near that a picture of 24 x 24 pixels between them still resembles both.
    """
    grids = []
    for scale in _SCALES:
        poses = []
        reach = max(0.2, 1.13 - scale)
        steps = math.ceil(2 * reach / _STEP - 0.5)
        moves = [(place - (steps - 1) / 2) * _STEP for place in range(steps)]
        for degrees in _TURNS:
            cosine, sine = (scale * part(math.radians(degrees)) for part in (math.cos, math.sin))
            for down in moves:
                poses += [[[cosine, -sine, right], [sine, cosine, down]] for right in moves]
        grids.append((scale, torch.tensor(poses)))
    return grids


def after(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The poses, (n, 2, 3), that lead through ``first`` and then through ``second``."""
    return second[:, :, :2] @ first + functional.pad(second[:, :, 2:], (2, 0))


def sample(pictures: torch.Tensor, poses: torch.Tensor, side: int) -> torch.Tensor:
    """(n, C, rows, columns) at (n, 2, 3) poses to (n, C, side, side); 0 outside, linearly interpolated."""
    grid = functional.affine_grid(poses, [len(poses), 1, side, side], align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def interior(pictures: torch.Tensor, margin: int) -> torch.Tensor:
    """1 but in a band of ``margin`` pixels along the borders, where it is 0; of the pictures' shape.

    Sampled at a pose it tells where there is something to compare. The band leaves out what the other picture's fill
    from outside has bent: local means, blurred edges.
    """
    inner = pictures.new_zeros(pictures.shape)
    inner[..., margin : pictures.shape[-2] - margin, margin : pictures.shape[-1] - margin] = 1
    return inner
