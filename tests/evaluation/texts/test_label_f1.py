from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.corpora import MemoryCorpus
from sklearn.metrics import f1_score

from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.metric import Context, Figure
from synthmed.evaluation.texts.label_f1 import LabelF1, f1, hot

NAMES = ("effusion", "mass", "nodule")


def parser(text: str) -> set[str]:
    return {word for word in text.split() if word in NAMES}


def figures(rows: list[tuple[tuple[str, ...], str]], **context: MemoryCorpus) -> dict[str, Figure]:
    asked = Context(corpus(rows), parser=parser, **context)
    return {figure.part: figure for figure in LabelF1(draws=50)(asked)}


def corpus(rows: list[tuple[tuple[str, ...], str]]) -> MemoryCorpus:
    return MemoryCorpus({}, facts=[Facts(str(i), labels=labels, report=text) for i, (labels, text) in enumerate(rows)])


ROWS = [
    (("mass",), "a mass"),
    (("mass",), "a nodule"),
    (("mass", "effusion"), "effusion"),
    (("nodule",), "nodule and effusion"),
    (("no finding",), "clear"),
]


@pytest.mark.parametrize("seed", range(5))
def test_f1_is_sklearns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, said = rng.random((40, 4)) < 0.3, rng.random((40, 4)) < 0.4
    for average in ("macro", "micro"):
        assert f1(truth, said, micro=average == "micro") == pytest.approx(f1_score(truth, said, average=average))
    assert np.isnan(f1(truth & False, said & False, micro=False))


def test_the_text_against_the_rows_labels() -> None:
    found = figures([*ROWS, (("not stated",), "a mass"), ((), "a mass")])
    truth, said = (hot(side, NAMES) for side in ([labels for labels, _ in ROWS], [parser(text) for _, text in ROWS]))
    assert found["macro"].value == pytest.approx(f1_score(truth, said, average="macro"))
    assert found["micro"].value == pytest.approx(f1_score(truth, said, average="micro"))
    assert found["macro"].n == 5


def test_the_majority_says_one_thing_of_every_row() -> None:
    """``mass`` alone is the most frequent set: 3 hits, 2 false alarms and 2 misses over all cells."""
    found = figures(ROWS)["micro of majority"]
    assert found.value == pytest.approx(2 * 3 / (2 * 3 + 2 + 2))
    assert found.note == "'mass' said of every row"


def test_the_floor_is_the_parsers_own_agreement_on_real_rows() -> None:
    perfect = corpus([(("mass",), "mass"), (("nodule", "effusion"), "nodule effusion"), (("no finding",), "clear")])
    assert figures(ROWS, real=perfect)["macro"].floor == 1.0


def test_what_is_missing_is_said() -> None:
    context = Context(corpus([((), "a mass")]))
    assert all(figure.value is None and "parser" in figure.note for figure in LabelF1()(context))
    assert all(
        figure.value is None and "states a label" in figure.note
        for figure in LabelF1()(replace(context, parser=parser))
    )
