from __future__ import annotations

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from synthmed.evaluation.overlap import bleu, rouge_l, words

REFERENCES = ["The heart is enlarged. No effusion, no pneumothorax.", "A 3.5 cm mass of the left upper lobe."]
GENERATED = ["The heart is not enlarged. No effusion.", "There is a mass of the upper lobe."]


def test_the_cleaner_keeps_numbers_and_marks_sentences() -> None:
    assert words(REFERENCES[0]) == "the heart is enlarged . no effusion no pneumothorax".split()
    assert words(REFERENCES[1]) == "a 3.5 cm mass of the left upper lobe".split()
    assert words(" . ") == []


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu_is_sacrebleus(order: int) -> None:
    scorer = sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=order)
    cleaned = [" ".join(words(text)) for text in GENERATED], [[" ".join(words(text)) for text in REFERENCES]]
    assert bleu(REFERENCES, GENERATED, order)[-1] == pytest.approx(scorer.corpus_score(*cleaned).score / 100, abs=1e-9)


@given(st.lists(st.text("abc .", max_size=12), min_size=1, max_size=4))
def test_bleu_agrees_on_any_words(texts: list[str]) -> None:
    others = texts[::-1]
    cleaned = [" ".join(words(text)) for text in texts], [[" ".join(words(text)) for text in others]]
    scorer = sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=2)
    if any(cleaned[0]) and any(cleaned[1][0]):
        assert bleu(others, texts, 2)[-1] == pytest.approx(scorer.corpus_score(*cleaned).score / 100, abs=1e-9)


def test_rouge_by_hand() -> None:
    """Longest common subsequence 4 of 5 and 6 words: P = 4/6, R = 4/5, F = (1 + 1.44) P R / (R + 1.44 P)."""
    found = rouge_l(["a b c d e"], ["a x b c y d"])
    p, r = 4 / 6, 4 / 5
    assert found == [pytest.approx((1 + 1.44) * p * r / (r + 1.44 * p))]
    assert rouge_l(["a b"], ["a b"]) == [1.0]
    assert rouge_l(["a b", ""], ["c", "d"]) == [0.0, 0.0]


def test_pairs_must_match() -> None:
    for call in (bleu, rouge_l):
        with pytest.raises(ValueError, match="one each"):
            call(["a"], [])
