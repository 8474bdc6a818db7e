"""The nearest row by a network's features: the cosine of their angle about the gallery's mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from synthmed.evaluation.copying.matches import Matches
from synthmed.evaluation.embedders.protocol import Embedder

_BLOCK = 1024
_BATCH = 64


@dataclass(frozen=True)
class EmbeddingDetector:
    """Looks for pictures among rows whose features it is given.

    Attributes:
        features: (m, width) of the gallery's rows, by the same embedder.
        embedder: of the pictures that are looked for.
    """

    features: npt.NDArray[np.float32]
    embedder: Embedder

    @property
    def name(self) -> str:
        """The network's."""
        return self.embedder.name

    def __call__(self, pictures: npt.NDArray[np.float32]) -> Matches:
        """See `matches.Detector`."""
        with torch.inference_mode():
            batches = [
                self.embedder(_coloured(torch.from_numpy(np.ascontiguousarray(pictures[start : start + _BATCH]))))
                for start in range(0, len(pictures), _BATCH)
            ]
        return self.nearest(
            torch.cat(batches).numpy() if batches else np.zeros((0, self.features.shape[1]), np.float32)
        )

    def nearest(self, features: npt.NDArray[np.float32]) -> Matches:
        """Of pictures whose features are there already, (n, width); by blocks of both sides."""
        mean = np.mean(self.features, axis=0, dtype=np.float64).astype(np.float32)
        scores = np.full(len(features), -np.inf, np.float32)
        places = np.zeros(len(features), np.int64)
        for first in range(0, len(self.features), _BLOCK):
            gallery = _directions(self.features[first : first + _BLOCK] - mean)
            for start in range(0, len(features), _BLOCK):
                rows = slice(start, start + _BLOCK)
                cosines = _directions(features[rows] - mean) @ gallery.T
                at = cosines.argmax(axis=1)
                best = np.take_along_axis(cosines, at[:, None], axis=1)[:, 0]
                places[rows] = np.where(best > scores[rows], at + first, places[rows])
                scores[rows] = np.maximum(best, scores[rows])
        return Matches(scores, places)


def _coloured(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.expand(-1, 3, -1, -1) if pictures.shape[1] == 1 else pictures


def _directions(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directed: npt.NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-12))
    return directed
