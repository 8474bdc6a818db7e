"""The nearest row by pixels: correlation without light, over flips, shifts, turns and crops of the row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from synthmed.evaluation.copying.candidates import FLIPS, Candidates, candidates
from synthmed.evaluation.copying.matches import Matches
from synthmed.evaluation.copying.poses import after, interior, sample
from synthmed.evaluation.copying.register import MIN_OVERLAP, register
from synthmed.evaluation.copying.thumbnails import SIDE, correlation, thumbnails, without_light

_BLOCK = 4096
_PAIRS = 512
_KEPT, _REGISTERED = 64, 4
"""Rows of the gallery that are laid on a picture: at half size, and of these at full size."""
_STEPS = 6
_WINDOW, _FINE_WINDOW = 4.0, 3.0
"""Of the light, in pixels: while a row is laid on, at both sizes; and where the two are scored."""


@dataclass(frozen=True)
class CorrelationDetector:
    """Looks for pictures among rows whose thumbnails it holds, 16 KiB a row.

    Attributes:
        gallery: (m, 1, `SIDE`, `SIDE`) thumbnails.
    """

    gallery: torch.Tensor
    name: str = "correlation"

    def __call__(self, pictures: npt.NDArray[np.float32]) -> Matches:
        """See `matches.Detector`. A score is Pearson's correlation of the registered pair, -1 where nothing fits."""
        scores, places = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
        with torch.inference_mode():
            for start in range(0, len(pictures), _BLOCK):
                queries = thumbnails(torch.from_numpy(np.ascontiguousarray(pictures[start : start + _BLOCK])))
                score, place = self._matched(queries)
                scores.append(score.numpy())
                places.append(place.numpy())
        return Matches(np.concatenate(scores), np.concatenate(places))

    def _matched(self, queries: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Best score and row of (n, 1, side, side) queries."""
        found = candidates(queries, self.gallery, _KEPT)
        step = max(1, _PAIRS // found.places.shape[1])
        scores, places = [], []
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            part = Candidates(found.places[rows], found.flips[rows], found.poses[rows], found.scores[rows])
            score, place = _registered(queries[rows], self.gallery, part)
            best = score.max(dim=1)
            scores.append(best.values)
            places.append(place.gather(1, best.indices[:, None])[:, 0])
        return torch.cat(scores), torch.cat(places)


def _registered(queries: torch.Tensor, gallery: torch.Tensor, found: Candidates) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, `_REGISTERED`) scores and rows: the candidates laid on, all at half size, then the best at full size."""
    n, kept = found.places.shape
    turned = _turned(queries, found.flips)
    rows = gallery[found.places.flatten()]
    poses, rough = _laid(turned, rows, found.poses.flatten(0, 1), shrink=2)
    top = rough.view(n, kept).topk(min(_REGISTERED, kept), dim=1).indices
    chosen = (torch.arange(n)[:, None] * kept + top).flatten()
    poses, _ = _laid(turned[chosen], rows[chosen], poses[chosen], shrink=1)
    return _score(turned[chosen], rows[chosen], poses).view(n, -1), found.places.gather(1, top)


def _laid(
    queries: torch.Tensor, rows: torch.Tensor, poses: torch.Tensor, shrink: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Better poses, and how alike the two then are, at 1 / ``shrink`` of the size."""
    stack = torch.cat([rows, interior(rows, 0), interior(rows, 4)], dim=1)
    # Moved first and then freed of light, so that the light's window is as wide in both.
    warped, seen, counts = sample(stack, poses, SIDE).split(1, dim=1)
    warped, seen, counts, queries = (functional.avg_pool2d(each, shrink) for each in (warped, seen, counts, queries))
    moving = without_light(warped, _WINDOW, (seen > 0.99).float())
    change, score = register(without_light(queries, _WINDOW), moving, counts, _STEPS)
    return after(change, poses), score


def _score(queries: torch.Tensor, rows: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
    """(n,): both without light as it falls on what they share, so that what lies beside it plays no part."""
    warped, inner = sample(torch.cat([rows, interior(rows, 2)], dim=1), poses, SIDE).split(1, dim=1)
    seen = (inner > 0.99).float()
    one, other = (without_light(picture, _FINE_WINDOW, seen).flatten(1) for picture in (queries, warped))
    enough = seen.flatten(1).mean(dim=1) >= MIN_OVERLAP
    return correlation(one, other, seen.flatten(1)).where(enough, torch.tensor(-1.0))


def _turned(queries: torch.Tensor, flips: torch.Tensor) -> torch.Tensor:
    """(n, 1, side, side) by (n, kept) flips to (n * kept, 1, side, side)."""
    turned = queries[:, None].expand(-1, flips.shape[1], -1, -1, -1).flatten(0, 1).clone()
    for number, axes in enumerate(FLIPS):
        those = flips.flatten() == number
        turned[those] = turned[those].flip(axes)
    return turned
