"""Judges that read the pixels of made-up rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from helpers.corpora import MemoryCorpus

from synthmed.evaluation.agreement.agreement import Agreement
from synthmed.evaluation.agreement.protocol import Judge
from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.metric import Context, Figure
from synthmed.sample import Box

FINDINGS = ("effusion", "mass")
SIDE = 16


@dataclass
class Classifier:
    """Scores a finding by the brightness of its half of the picture."""

    task: Literal["classification", "segmentation", "detection"] = "classification"
    image: str = "xray"
    names: tuple[str, ...] = FINDINGS
    real: float | None = 0.95
    digest: str = "halves"

    def __call__(self, pixels: npt.NDArray[np.float32]) -> Any:
        halves = [half.mean(axis=(1, 2, 3)) for half in np.split(pixels, 2, axis=3)]
        return np.stack([*halves, *[halves[0]] * len(self.names)], axis=1)[:, : len(self.names)]


@dataclass
class Segmenter(Classifier):
    """Says where the picture is bright; its classes are in another order than the masks'."""

    task: Literal["classification", "segmentation", "detection"] = "segmentation"
    names: tuple[str, ...] = ("background", "rib", "lung")
    real: float | None = 0.9

    def __call__(self, pixels: npt.NDArray[np.float32]) -> Any:
        return (2 * (pixels[:, 0] > 0.5)).astype(np.uint8)


@dataclass
class Detector(Classifier):
    """A box around what is bright."""

    task: Literal["classification", "segmentation", "detection"] = "detection"
    names: tuple[str, ...] = ("lung", "never")
    real: float | None = 0.9

    def __call__(self, pixels: npt.NDArray[np.float32]) -> Any:
        return [[(around(picture[0] > 0.5), float(picture.mean()))] for picture in pixels]


def around(mask: npt.NDArray[np.bool_]) -> Box:
    rows, columns = np.nonzero(mask)
    y, x = int(rows.min()), int(columns.min())
    return Box("xray", "lung", x, y, int(columns.max()) + 1 - x, int(rows.max()) + 1 - y)


def with_labels(n: int, agree: float, seed: int = 0) -> MemoryCorpus:
    """Half a picture is bright where its finding is stated, for a share ``agree`` of the rows; else at random."""
    rng = np.random.default_rng(seed)
    present = rng.random((n, 2)) < 0.5
    shown = np.where(rng.random((n, 1)) < agree, present, rng.random((n, 2)) < 0.5)
    pixels = 0.2 * rng.random((n, 1, SIDE, SIDE)).astype(np.float32)
    pixels += 0.3 * np.repeat(shown, SIDE // 2, axis=1)[:, None, None, :].astype(np.float32)
    facts = [Facts(str(i), labels=tuple(np.array(FINDINGS)[row]) or ("no finding",)) for i, row in enumerate(present)]
    return MemoryCorpus({"xray": pixels}, facts=facts)


def with_squares(n: int, *, shifted: int = 0) -> MemoryCorpus:
    """A bright square with its mask (of value 1, ``lung``) and box, which lie ``shifted`` columns beside it."""
    rng = np.random.default_rng(0)
    masks = np.zeros((n, SIDE, SIDE), np.uint8)
    for mask, (row, column) in zip(masks, rng.integers(0, SIDE - 8, (n, 2)), strict=True):
        mask[row : row + 5, column : column + 5] = 1
    pixels = (masks * 0.8 + 0.1).astype(np.float32)[:, None]
    masks = np.roll(masks, shifted, axis=2)
    facts = [Facts(str(place), boxes=(around(mask > 0),)) for place, mask in enumerate(masks)]
    corpus = MemoryCorpus({"xray": pixels}, masks={"xray": masks}, facts=facts)
    from dataclasses import replace

    corpus.images = {"xray": replace(corpus.images["xray"], mask=("background", "lung", "heart"))}
    return corpus


def figures(corpus: MemoryCorpus, judge: Judge, draws: int = 60) -> dict[str, Figure]:
    context = Context(corpus, judges={(judge.task, judge.image): judge})
    found = {}
    for figure in Agreement(draws)(context):
        assert figure.scope["task"] == judge.task
        found[figure.scope.get("label", figure.part)] = figure
    return found


def test_a_classifier_sees_how_many_rows_agree() -> None:
    """Half of the rows show their labels and half show any: AUROC (1 + 0.5) / 2 of two-valued scores is 0.75."""
    whole, half, none = (figures(with_labels(400, agree), Classifier()) for agree in (1.0, 0.5, 0.0))
    assert whole["score"].value == 1.0
    assert whole["relative"].value == pytest.approx(0.5 / 0.45)
    assert whole["score"].floor == 0.95
    assert half["score"].value == pytest.approx(0.75, abs=0.05)
    assert half["relative"].value == pytest.approx((half["score"].value - 0.5) / 0.45)  # type: ignore[operator]
    assert half["relative"].low < half["relative"].value < half["relative"].high  # type: ignore[operator]
    assert none["relative"].low < 0 < none["relative"].high  # type: ignore[operator]
    for found in (whole, half, none):
        assert found["shuffled"].value == pytest.approx(0.5, abs=0.08)
        assert np.mean([found[name].value for name in FINDINGS]) == pytest.approx(found["score"].value)  # type: ignore[arg-type]
        assert found["score"].n == 400


def test_labels_that_are_not_stated_or_on_every_row_do_not_count() -> None:
    corpus = with_labels(40, 1.0)
    facts = corpus.facts(range(40))
    corpus._facts = [
        Facts("a", labels=("not stated",)) if place < 10 else Facts("b", labels_by_image={"xray": fact.labels})
        for place, fact in enumerate(facts)
    ]
    found = figures(corpus, Classifier(names=(*FINDINGS, "hernia")))
    assert found["score"].n == 30
    assert "no value for hernia" in found["score"].note


def test_a_segmenters_map_is_compared_by_name() -> None:
    right, beside = figures(with_squares(30), Segmenter()), figures(with_squares(30, shifted=3), Segmenter())
    assert right["score"].value == 1.0
    assert right["lung"].value == 1.0
    assert "rib" not in right
    assert beside["score"].value == pytest.approx(2 * 10 / 50)
    chance = right["shuffled"].value
    assert chance is not None
    assert 0 < chance < 0.4
    assert right["relative"].value == pytest.approx((1 - chance) / (0.9 - chance))
    assert beside["relative"].high < right["relative"].low  # type: ignore[operator]


def test_a_detectors_boxes() -> None:
    right, beside = figures(with_squares(30), Detector()), figures(with_squares(30, shifted=3), Detector())
    assert right["score"].value == pytest.approx(1.0)
    assert set(right) == {"score", "shuffled", "relative", "lung"}
    assert beside["score"].value == 0.0
    assert right["shuffled"].value < 0.5  # type: ignore[operator]


def test_a_judge_that_cannot_judge_gives_no_relative_figure() -> None:
    corpus = with_labels(40, 1.0)
    weak, unknown = (figures(corpus, Classifier(real=real))["relative"] for real in (0.55, None))
    assert weak.value is None
    assert "cannot judge" in weak.note
    assert unknown.value is None
    assert "not known" in unknown.note


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        (Classifier(image="ct"), "no synthetic row has ct"),
        (Classifier(names=("hernia",)), "no label"),
        (Segmenter(names=("background", "liver")), "the masks tell apart lung, heart; the judge liver"),
        (Detector(names=("liver",)), "no row has a box"),
    ],
)
def test_what_cannot_be_judged_is_said(judge: Judge, said: str) -> None:
    corpus = with_squares(4)
    if judge.task == "classification":
        corpus = with_labels(10, 1.0)
    (figure,) = figures(corpus, judge).values()
    assert figure.value is None
    assert said in figure.note


def test_a_limit_is_kept_and_said() -> None:
    context = Context(with_labels(90, 1.0), judges={("classification", "xray"): Classifier()}, limit=40)
    figure = next(iter(Agreement(20)(context)))
    assert figure.n == 40
    assert "40 of 90 rows" in figure.note
