from __future__ import annotations

import numpy as np
import pytest
from helpers.corpora import MemoryCorpus
from scipy.stats import wasserstein_distance

from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.metric import Context, Figure, Metric
from synthmed.evaluation.texts.length import TextLength
from synthmed.evaluation.texts.variety import DistinctN, TextDuplicates, distinct


def corpus(texts: list[str | None]) -> MemoryCorpus:
    return MemoryCorpus({}, facts=[Facts(str(place), report=text) for place, text in enumerate(texts)])


def figures(metric: Metric, synthetic: list[str | None], **others: list[str | None]) -> dict[str, Figure]:
    context = Context(corpus(synthetic), **{name: corpus(texts) for name, texts in others.items()})  # type: ignore[arg-type]
    return {figure.part: figure for figure in metric(context)}


def sentences(n: int, vocabulary: int, seed: int, longest: int = 9) -> list[str | None]:
    rng = np.random.default_rng(seed)
    return [" ".join(f"w{word}" for word in rng.integers(vocabulary, size=rng.integers(3, longest))) for _ in range(n)]


def test_distinct_by_a_plain_count() -> None:
    texts = [str(text).split() for text in sentences(30, 6, 0)]
    for order in (1, 2, 3):
        grams = []
        for text in texts:
            for start in range(len(text) - order + 1):
                grams.append(" ".join(text[start : start + order]))
        assert distinct(texts, order) == len(set(grams)) / len(grams)
    assert distinct([["a", "b", "a"], ["a", "b"]], 2) == pytest.approx(2 / 3)
    assert distinct([["a"]], 2) == 0.0


def test_as_many_synthetic_as_real_texts() -> None:
    """Ten times as many texts of the same words do not look ten times less varied."""
    found = figures(DistinctN(), sentences(300, 30, 1), real=sentences(30, 30, 2))
    for part in "123":
        figure = found[part]
        assert figure.n == 30
        assert figure.value == pytest.approx(figure.floor, rel=0.15)
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high  # type: ignore[operator]
        assert figure.floor_low is None
    poor = figures(DistinctN(), sentences(300, 3, 1), real=sentences(30, 30, 2))
    assert poor["1"].high < poor["1"].floor  # type: ignore[operator]


def test_duplicates_within_and_of_training() -> None:
    synthetic = ["No finding.", "no finding", "A mass.", "Two nodules", None]
    found = figures(TextDuplicates(), synthetic, real=["a", "b", "c", "no finding."], train=["a mass", "no finding"])
    assert found["repeated"].value == 0.25
    assert found["repeated"].floor == 0.0
    assert found["in training"].value == 0.75
    assert found["in training"].floor == 0.25
    assert found["in training"].n == 4
    assert set(figures(TextDuplicates(), synthetic)) == {"repeated"}


def test_length_is_moved_by_what_it_should_be() -> None:
    real = sentences(200, 30, 0)
    same, longer = (figures(TextLength(), sentences(100, 30, 1, longest), real=real) for longest in (9, 19))
    assert same["mean"].floor == np.mean([len(str(text).split()) for text in real])
    assert same["wasserstein"].n == 100
    assert same["wasserstein"].value == pytest.approx(same["wasserstein"].floor, abs=0.25)
    assert longer["wasserstein"].low > longer["wasserstein"].floor_high  # type: ignore[operator]
    lengths = [[len(str(text).split()) for text in texts] for texts in (sentences(100, 30, 1, 19), real)]
    assert longer["wasserstein"].value == pytest.approx(wasserstein_distance(*lengths), rel=0.1)


@pytest.mark.parametrize("metric", [DistinctN(), TextDuplicates(), TextLength()])
def test_a_corpus_without_reports(metric: Metric) -> None:
    found = figures(metric, [None, None], real=["a b", "c"])
    assert all(figure.value is None and "no synthetic row has a report" in figure.note for figure in found.values())
    assert found
