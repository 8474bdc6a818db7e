from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from helpers.corpora import MemoryCorpus

from synthmed.errors import UserError
from synthmed.evaluation.agreement.retrieval import Retrieval, ranks
from synthmed.evaluation.agreement.space import open_space
from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.metric import Context, Figure
from synthmed.fields import ImageField


class Space:
    """A text is the number that it says, as a direction; an image the direction of its first two pixels."""

    name, digest = "toy", "toy-1"

    def has(self, image: str) -> bool:
        return image == "xray"

    def texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        angles = np.array([float(text) for text in texts], np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def images(self, field: ImageField, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        assert field == ImageField.of("xray")
        return 3 * pixels.reshape(len(pixels), -1)[:, :2]


def corpus(angles: npt.NDArray[np.float64], shown: npt.NDArray[np.float64]) -> MemoryCorpus:
    pixels = np.stack([np.cos(shown), np.sin(shown)], axis=1).astype(np.float32)[:, None, None, :]
    return MemoryCorpus(
        {"xray": pixels}, facts=[Facts(str(at), report=f"{angle:.5f}") for at, angle in enumerate(angles)]
    )


def figures(synthetic: MemoryCorpus, real: MemoryCorpus | None = None) -> dict[str, Figure]:
    return {figure.part: figure for figure in Retrieval(draws=50)(Context(synthetic, real, space=Space()))}


def test_ranks_by_a_plain_loop_and_ties_in_the_middle() -> None:
    rng = np.random.default_rng(0)
    queries, candidates = rng.normal(size=(2, 30, 4))
    cosines = [[q @ c / np.linalg.norm(q) / np.linalg.norm(c) for c in candidates] for q in queries]
    expected = [sorted(row, reverse=True).index(row[at]) + 1 for at, row in enumerate(cosines)]
    assert ranks(queries, candidates).tolist() == expected
    assert ranks(np.ones((5, 3)), np.ones((5, 3))).tolist() == [3.0] * 5


def test_an_aligned_set_is_found_and_a_shuffled_one_is_not() -> None:
    angles = np.linspace(0, 6, 60)
    aligned = figures(corpus(angles, angles))
    assert aligned["text to image R@1"].value == 1.0
    assert aligned["image to text median rank"].value == 1.0
    assert aligned["text to image R@5"].extractor == "toy"
    assert f"chance {5 / 60:.4f}" in aligned["text to image R@5"].note
    strangers = figures(corpus(angles, np.random.default_rng(0).permutation(angles)), corpus(angles, angles))
    found = strangers["image to text R@10"]
    assert found.value == pytest.approx(10 / 60, abs=0.13)
    assert found.floor == 1.0
    assert strangers["text to image median rank"].value == pytest.approx(30, abs=10)


def test_rows_with_one_text_stand_there_once() -> None:
    angles = np.repeat([0.0, 1.0, 2.0, 3.0], 10)
    found = figures(corpus(angles, angles))
    assert found["text to image R@1"].value == 1.0
    assert found["text to image R@1"].n == 4
    assert "text to image R@5" not in found


def test_what_is_missing_is_said() -> None:
    one = corpus(np.zeros(3), np.zeros(3))
    (figure,) = Retrieval()(Context(one))
    assert "no aligned space" in figure.note
    (figure,) = Retrieval()(Context(one, space=Space()))
    assert "different texts" in figure.note
    other = MemoryCorpus(
        {"ct": np.zeros((2, 1, 1, 2), np.float32)}, facts=[Facts("a", report="1"), Facts("b", report="2")]
    )
    (figure,) = Retrieval()(Context(other, space=Space()))
    assert figure.value is None
    assert figure.note == "it knows no ct"


def test_a_model_without_a_space_is_refused() -> None:
    with pytest.raises(UserError, match="--space phantom: this model has no aligned space"):
        open_space("phantom")
