from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.corpora import MemoryCorpus, textures

from synthmed.errors import UserError
from synthmed.evaluation.copying.alterations import ALTERATIONS
from synthmed.evaluation.copying.entries import ENTRIES
from synthmed.evaluation.copying.rate import CopyRate
from synthmed.evaluation.copying.search import searches
from synthmed.evaluation.copying.split import halves
from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.metric import Context
from synthmed.registry import resolve

TRAIN = textures(16, side=48)
SOME = {name: ALTERATIONS[name] for name in ("flip", "gamma")}


def corpus(pixels: np.ndarray, patient: str = "", **images: np.ndarray) -> MemoryCorpus:
    facts = [Facts(str(place), patient=f"{patient}{place // 2}" if patient else "") for place in range(len(pixels))]
    return MemoryCorpus({"xray": pixels, **images}, facts=facts)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Eight synthetic images: the first two show training images 5 and 9 again, turned over and darker."""
    copies = np.stack([TRAIN[5][:, :, ::-1] ** 1.2, TRAIN[9][:, ::-1] ** 0.8])
    synthetic = np.concatenate([copies, textures(6, side=48, seed=1)])
    return Context(
        synthetic=corpus(synthetic),
        real=corpus(textures(20, side=48, seed=2), "held"),
        train=corpus(TRAIN, "trained"),
        cache=tmp_path,
    )


def test_copies_are_counted_and_named(context: Context) -> None:
    rate, nearer, *sensitivities = CopyRate(planted=4, alterations=SOME)(context)
    assert (rate.value, rate.n, rate.part, rate.scope) == (0.25, 8, "", {"image": "xray"})
    assert rate.low is not None
    assert rate.high is not None
    assert 0 < rate.low < 0.25 < rate.high < 1
    assert rate.floor is not None
    assert rate.floor <= 0.3
    assert rate.note.startswith("2 of 8 scored as copies at sensitivity 1.00 to 1.00 by alteration; threshold 0.")
    assert "10 hold-out images" in rate.note
    assert [figure.part for figure in sensitivities] == [f"sensitivity to {name}" for name in (*SOME, "combined")]
    assert [figure.value for figure in sensitivities] == [1.0, 1.0, 1.0]
    assert all(figure.n == 4 for figure in sensitivities)
    (search,) = searches(context, "xray")
    assert (nearer.part, nearer.n) == ("nearer to training", 8)
    assert nearer.value == np.mean(search.found.scores > search.beside.scores) >= 0.25
    assert search.nearer.n == 10
    assert nearer.floor == search.nearer.value
    assert search.train[search.found.places[:2]].tolist() == [5, 9]


def test_no_copy_is_said_with_the_sensitivity(context: Context) -> None:
    unseen = replace(context, synthetic=corpus(textures(3, side=48, seed=7)))
    rate = next(iter(CopyRate(planted=2, alterations=SOME)(unseen)))
    assert rate.value == 0.0
    assert rate.low == 0.0
    assert rate.high is not None
    assert rate.high > 0.5
    assert rate.note.startswith("no copy found at sensitivity 1.00 to 1.00")


class Pooled:
    """Eight by eight means of the grey image."""

    name, width, digest, size = "pooled", 64, "0", 8

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(images[:, :1], 8).flatten(1)


def test_an_embedder_gives_a_second_rate(context: Context) -> None:
    figures = list(CopyRate(planted=2, alterations=SOME)(replace(context, embedder=Pooled())))
    rate = next(figure for figure in figures if figure.part == "embedding")
    assert (rate.extractor, rate.n) == ("pooled", 8)
    assert sum(figure.extractor == "pooled" for figure in figures) == 2 + len(SOME) + 1
    assert sum(figure.extractor == "" for figure in figures) == 2 + len(SOME) + 1


def test_halves_are_of_patients_and_none_of_training() -> None:
    held = corpus(textures(20, side=16), "held")
    trained = corpus(textures(4, side=16), "held")
    split = halves(held, trained, "xray", limit=100, seed=0)
    groups = [{place // 2 for place in half} for half in (split.first, split.second)]
    assert groups[0] | groups[1] == set(range(2, 10))
    assert not groups[0] & groups[1]
    assert len(split.first) == len(split.second) == 8
    assert split.note == "4 hold-out rows of training patients left out"
    assert [len(half) for half in (halves(held, trained, "xray", limit=3, seed=0).first, split.first)] == [3, 8]
    unknown = halves(corpus(textures(6, side=16)), trained, "xray", limit=100, seed=0)
    assert len(unknown.first) == len(unknown.second) == 3
    assert "without a patient" in unknown.note


def test_only_training_patients_is_an_error_and_other_images_are_left_out(context: Context) -> None:
    with pytest.raises(UserError, match="no hold-out image"):
        list(CopyRate()(replace(context, real=context.train)))
    assert context.real is not None
    other = MemoryCorpus({"mri": TRAIN})
    assert list(CopyRate()(replace(context, synthetic=other))) == []


def test_the_entry_is_the_metric() -> None:
    (entry,) = ENTRIES
    assert isinstance(entry.load, str)
    assert resolve(entry.load) is CopyRate
    assert (entry.name, entry.summary) == (CopyRate.name, CopyRate.summary)
    for word in ("private", "safe", "anonymous"):
        assert word not in f"{CopyRate.__doc__} {CopyRate.summary}"
