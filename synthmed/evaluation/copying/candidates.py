"""The coarse half of the search: which training images a picture may be a copy of, and from where in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from synthmed.evaluation.copying.poses import interior, pose_grids, sample
from synthmed.evaluation.copying.thumbnails import smooth, without_light
from synthmed.evaluation.copying.whitening import whitening

FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
"""Axes by the number of a flip."""
_SIDE = 24
_WINDOW, _SMOOTH, _MARGIN = 5.0, 1.6, 4
"""In pixels of a thumbnail: of the light, of what is then blurred, of the border that does not count."""
_QUERIES, _ROWS = 128, 32
_LEARNT_ROWS, _LEARNT_POSES = 128, 24


@dataclass(frozen=True)
class Candidates:
    """Of each query the most alike rows of a gallery, best first.

    Attributes:
        places: (n, kept) rows of the gallery.
        flips: (n, kept) numbers into `FLIPS`: how the query is turned over to match.
        poses: (n, kept, 2, 3) from the gallery's rows, as `poses.pose_grids` gives them.
        scores: (n, kept) cosines of the whitened small copies.
    """

    places: torch.Tensor
    flips: torch.Tensor
    poses: torch.Tensor
    scores: torch.Tensor


def candidates(queries: torch.Tensor, gallery: torch.Tensor, keep: int) -> Candidates:
    """The ``keep`` rows of the gallery with the highest score over all flips and poses, by matrix products.

    Of flips x poses x gallery only a block is held at a time, and of each query the rows that are kept.

    Args:
        queries: (n, 1, side, side) thumbnails.
        gallery: (m, 1, side, side) thumbnails.
        keep: all rows where there are fewer.
    """
    grids = pose_grids()
    grid = torch.cat([poses for _, poses in grids])
    white = whitening(_learnt(gallery, grids))
    vectors = _turned(queries, white)
    n = len(queries)
    best, which, places = torch.zeros(n, 0), torch.zeros(n, 0, dtype=torch.long), torch.zeros(n, 0, dtype=torch.long)
    for start in range(0, len(gallery), _ROWS):
        windows = torch.cat(list(_windows(gallery[start : start + _ROWS], grids)))
        found, at = _nearest(vectors, functional.normalize(windows @ white, dim=2))
        rows = torch.arange(start, start + windows.shape[1]).expand(n, -1)
        best, order = torch.cat([best, found], dim=1).topk(min(keep, best.shape[1] + found.shape[1]), dim=1)
        which = torch.cat([which, at], dim=1).gather(1, order)
        places = torch.cat([places, rows], dim=1).gather(1, order)
    return Candidates(places, which // len(grid), grid[which % len(grid)], best)


def _learnt(gallery: torch.Tensor, grids: list[tuple[float, torch.Tensor]]) -> torch.Tensor:
    """(windows, pixels) of some rows at some poses, evenly spread."""
    rows = gallery[torch.linspace(0, len(gallery) - 1, min(len(gallery), _LEARNT_ROWS)).long()]
    some = [
        (scale, poses[torch.linspace(0, len(poses) - 1, min(len(poses), _LEARNT_POSES)).long()])
        for scale, poses in grids
    ]
    return torch.cat([windows.flatten(0, 1) for windows in _windows(rows, some)])


def _turned(queries: torch.Tensor, white: torch.Tensor) -> torch.Tensor:
    """(n, flips, pixels) of length 1."""
    parts = []
    for block in queries.split(1024):
        even, upright = _even(block, 1.0), torch.eye(2, 3).expand(len(block), 2, 3)
        turned = [sample(even.flip(axes), upright, _SIDE).flatten(1) for axes in FLIPS]
        parts.append(functional.normalize(functional.normalize(torch.stack(turned, dim=1), dim=2) @ white, dim=2))
    return torch.cat(parts)


def _windows(rows: torch.Tensor, grids: list[tuple[float, torch.Tensor]]) -> Iterator[torch.Tensor]:
    """By scale, (poses, rows, pixels) of length 1; 0 where a row shows nothing."""
    for scale, poses in grids:
        # Rows stand as channels, so that each pose's positions are worked out once.
        stack = torch.cat([_even(rows, scale), interior(rows[:1], _MARGIN)]).transpose(0, 1)
        moved = sample(stack.expand(len(poses), -1, -1, -1), poses, _SIDE).flatten(2)
        yield functional.normalize(moved[:, :-1] * (moved[:, -1:] > 0.99), dim=2)


def _nearest(vectors: torch.Tensor, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each query and row the best cosine and its flip x pose, both (queries, rows)."""
    _, rows, width = windows.shape
    scores, at = [], []
    for block in vectors.split(_QUERIES):
        product = block.reshape(-1, width) @ windows.reshape(-1, width).T
        best = product.view(len(block), -1, rows).max(dim=1)
        scores.append(best.values)
        at.append(best.indices)
    return torch.cat(scores), torch.cat(at)


def _even(pictures: torch.Tensor, scale: float) -> torch.Tensor:
    """Without light and smooth, as far as a window of that scale shows when it is as large as the picture."""
    return smooth(without_light(pictures, _WINDOW * scale), _SMOOTH * scale)
