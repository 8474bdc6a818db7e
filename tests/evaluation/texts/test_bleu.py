from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from helpers.corpora import MemoryCorpus
from hypothesis import given
from hypothesis import strategies as st

from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.metric import Context
from synthmed.evaluation.overlap import bleu, rouge_l, words
from synthmed.evaluation.texts.bleu import BLEU, counts, score
from synthmed.evaluation.texts.rouge import ROUGEL

REAL = [
    "The heart is enlarged. No effusion, no pneumothorax.",
    "A 3.5 cm mass of the left upper lobe. No effusion.",
    "Clear lungs. The heart is of normal size.",
]
MADE = [
    "The heart is not enlarged. No effusion is seen, no pneumothorax.",
    "There is a mass of the left upper lobe. No effusion.",
    "Clear lungs and a normal heart. The heart is of normal size.",
]


def corpus(texts: list[str], keys: list[str], **attributes: list[str]) -> MemoryCorpus:
    sources = attributes.get("source_key", [""] * len(texts))
    facts = [
        Facts(key, report=text, attributes={"source_key": source} if source else {})
        for key, text, source in zip(keys, texts, sources, strict=True)
    ]
    return MemoryCorpus({}, facts=facts)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu_from_counts_is_sacrebleus(order: int) -> None:
    scorer = sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=order)
    cleaned = [" ".join(words(text)) for text in MADE], [[" ".join(words(text)) for text in REAL]]
    found = score(counts(REAL, MADE).sum(axis=0), order)
    assert found == pytest.approx(scorer.corpus_score(*cleaned).score / 100, abs=1e-9)
    assert found > 0


@given(st.lists(st.text("abc .", max_size=12), min_size=1, max_size=4))
def test_counts_add_up_to_bleu_of_any_words(texts: list[str]) -> None:
    sums = counts(texts[::-1], texts).sum(axis=0)
    assert [score(sums, order) for order in (1, 2, 3, 4)] == pytest.approx(bleu(texts[::-1], texts), abs=1e-12)


def test_pairs_are_found_by_key_or_source_and_the_rest_is_left_out() -> None:
    real = corpus(REAL, ["a", "b", "c"])
    synthetic = corpus([*MADE, "no pair"], ["s0", "b", "s2", "s3"], source_key=["a", "", "c", ""])
    figures = {figure.part: figure for figure in BLEU(draws=50)(Context(synthetic, real))}
    assert [figures[f"BLEU-{order}"].value for order in (1, 2, 3, 4)] == pytest.approx(bleu(REAL, MADE))
    best = figures["BLEU-4"]
    assert best.n == 3
    assert best.value is not None
    assert best.low is not None
    assert best.high is not None
    assert best.low <= best.value <= best.high
    control = figures["BLEU-4 shuffled"].value
    assert control is not None
    assert control < best.value
    own, shuffled = ROUGEL()(Context(synthetic, real))
    assert own.value == pytest.approx(np.mean(rouge_l(REAL, MADE)))
    assert shuffled.value is not None
    assert own.value is not None
    assert shuffled.value < own.value


def test_without_pairs_the_reason_is_given() -> None:
    context = Context(corpus(MADE, ["x", "y", "z"]), corpus(REAL, ["a", "b", "c"]))
    for figure in (*BLEU()(context), *ROUGEL()(context)):
        assert figure.value is None
        assert "source_key" in figure.note
