"""Numbers and pictures of the prompt space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from prompt_space import draw, embedded, recall, silhouette

from synthmed.medm2g.model import MedM2G
from synthmed.sample import Sample

RNG = np.random.default_rng(0)


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_recall_is_counted_by_hand_and_a_collapsed_space_finds_nothing() -> None:
    texts, images = unit(RNG.standard_normal((30, 4))), unit(RNG.standard_normal((30, 4)))
    images += texts
    for k in (1, 10):
        hits = 0
        for place, text in enumerate(texts):
            order = sorted(range(30), key=lambda i, text=text: -float(text @ images[i]))
            hits += order.index(place) < k
        assert recall(texts, images, k) == hits / 30
    assert recall(texts, texts, 1) == 1
    assert recall(np.ones((30, 4)), np.ones((30, 4)), 10) == 0


def test_the_silhouette_tells_what_is_apart() -> None:
    known = np.array([[1] * 10 + [0] * 10, [1] * 3 + [0] * 17]).T  # the second is too rare
    apart = unit(RNG.standard_normal((20, 3)) * 0.01 + np.where(known[:, :1], [1.0, 0, 0], [0, 1.0, 0]))
    assert silhouette(apart, known) > 0.95
    assert abs(silhouette(unit(RNG.standard_normal((20, 3))), known)) < 0.2
    assert np.isnan(silhouette(apart, known[:, 1:]))


def test_a_models_space_is_of_length_one_and_drawn(model: MedM2G, tmp_path: Path) -> None:
    samples = [
        Sample(
            report=f"A nodule of {i} mm.",
            images={
                name: (RNG.uniform(-900, 300, (1, 32, 32)) if name == "ct" else RNG.random((1, 32, 32))).astype("f")
                for name in ("xray", "ct", "mri", "mri.t2")
            },
        )
        for i in range(12)
    ]
    space = embedded(model, samples)
    assert list(space) == ["text", "xray", "ct", "mri"]
    for vectors in space.values():
        assert vectors.shape == (12, 16)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    # t-SNE wants more points than its perplexity, 30: four kinds of twelve.
    draw(tmp_path / "space.png", {"a": space, "b": space}, ["none", "nodule"] * 6)
    assert (tmp_path / "space.png").read_bytes()[:4] == b"\x89PNG"
