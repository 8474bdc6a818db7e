from __future__ import annotations

import numpy as np
import pytest
import torch

from synthmed.evaluation.copying import embedding
from synthmed.evaluation.copying.embedding import EmbeddingDetector


class Means:
    """Each channel's mean over quarters of the image."""

    name, width, digest, size = "means", 12, "0", 4

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        assert images.shape[1] == 3
        return torch.nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


def test_nearest_against_numpy_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_BLOCK", 7)
    rng = np.random.default_rng(0)
    gallery, queries = (rng.random((n, 12)).astype(np.float32) for n in (20, 9))
    found = EmbeddingDetector(gallery, Means()).nearest(queries)
    one, other = (queries - gallery.mean(axis=0)).astype(float), (gallery - gallery.mean(axis=0)).astype(float)
    cosines = one @ other.T / np.linalg.norm(one, axis=1)[:, None] / np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(found.scores, cosines.max(axis=1), atol=1e-6)
    np.testing.assert_array_equal(found.places, cosines.argmax(axis=1))


def test_grey_and_coloured_pictures() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.random((5, 3, 8, 8)).astype(np.float32)
    features = Means()(torch.from_numpy(pictures)).numpy()
    found = EmbeddingDetector(features, Means())(pictures[[3, 1]])
    np.testing.assert_allclose(found.scores, 1, atol=1e-6)
    assert found.places.tolist() == [3, 1]
    grey = EmbeddingDetector(features, Means())(pictures[:2, :1])
    assert grey.scores.shape == (2,)
    assert EmbeddingDetector(features, Means())(pictures[:0]).scores.shape == (0,)
