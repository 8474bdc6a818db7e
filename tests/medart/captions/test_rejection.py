"""The rejection loop, the instruction, and the length limit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from synthmed.errors import UserError
from synthmed.medart.captions.instructions import attribute_list, instruction
from synthmed.medart.captions.protocol import Failure
from synthmed.medart.captions.rejection import Rejection, Rule, begins, clean, echoes
from synthmed.medart.captions.shorten import T5Shortener, ended, estimated_tokens, sentences, whole_sentences

SENTENCE = "A dermoscopy image of melanoma."
ATTRIBUTES = ("specific colour", "shape", "surrounding skin")
RULE = Rule(SENTENCE, ATTRIBUTES)
GOOD = f"{SENTENCE} The lesion is dark brown and oval."
ECHO = f"{SENTENCE} The specific colour, shape, and surrounding skin are visible."


class Model:
    """Says what it is given, try by try, and remembers what it was asked."""

    def __init__(self, *said: Sequence[str | Failure]) -> None:
        self.said = list(said)
        self.asked: list[tuple[list[int], list[int]]] = []

    def __call__(self, places: Sequence[int], seeds: Sequence[int]) -> list[str | Failure]:
        self.asked.append((list(places), list(seeds)))
        texts = self.said[min(len(self.asked), len(self.said)) - 1]
        return [texts[place] for place in places]


def words(text: str) -> int:
    return len(text.split())


def test_the_instruction_says_what_the_papers_does() -> None:
    text = instruction(SENTENCE, ATTRIBUTES)
    assert text.count(SENTENCE) == 2
    assert "specific colour, shape and surrounding skin;" in text
    assert "100 words" in text
    assert attribute_list(["colour"]) == "colour"
    # What a model that repeats its prompt says is rejected.
    assert echoes(text, ATTRIBUTES)


def test_only_rejected_pictures_are_asked_for_again_each_time_with_a_new_seed() -> None:
    model = Model([GOOD, ECHO, "The lesion is dark."], [GOOD, ECHO, GOOD], [GOOD, GOOD, GOOD])
    captions = Rejection().captions(model, [RULE] * 3, [1, 2, 1])
    assert captions == [GOOD] * 3
    assert [places for places, _ in model.asked] == [[0, 1, 2], [1, 2], [1]]
    seeds = [seeds for _, seeds in model.asked]
    assert seeds[0][0] == seeds[0][2] != seeds[0][1]  # the picture's seed alone
    assert len({seeds[0][1], seeds[1][0], seeds[2][0]}) == 3  # and the try


def test_after_the_last_try_the_class_sentence_is_put_before_what_was_said() -> None:
    model = Model(["It is dark and oval."], [ECHO], [""], ["I'm sorry, I can’t help with medical images."])
    assert Rejection(tries=4).captions(model, [RULE], [0]) == [f"{SENTENCE} It is dark and oval."]
    assert len(model.asked) == 4


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (ECHO, "repeats the attribute list"),
        (" \n** ", "is empty"),
        (f"{SENTENCE} I cannot describe it.", "refuses to describe the picture"),
    ],
)
def test_where_no_try_says_anything_there_is_no_caption(said: str, reason: str) -> None:
    model = Model([said])
    assert Rejection(tries=3).captions(model, [RULE], [0]) == [
        Failure(f"no usable caption in 3 tries; the last {reason}")
    ]
    assert len(model.asked) == 3


def test_a_failure_is_not_tried_again_but_a_kept_text_is_used() -> None:
    lost = Failure("no answer")
    model = Model([lost, "It is oval.", GOOD], [lost, lost, GOOD])
    assert Rejection().captions(model, [RULE] * 3, [0, 1, 2]) == [lost, f"{SENTENCE} It is oval.", GOOD]
    assert [places for places, _ in model.asked] == [[0, 1, 2], [1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  dermoscopy image of\nMELANOMA, which is dark", True),
        ("A dermoscopy image of melanoma", True),
        ("A dermoscopy image of melanomas.", False),
        ("This is a dermoscopy image of melanoma.", False),
        ("A dermoscopy image", False),
    ],
)
def test_the_class_sentence_whatever_its_case_and_stop(text: str, expected: bool) -> None:
    assert begins(text, SENTENCE) is expected
    assert begins(text, "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Specific colour, shape, surrounding skin.", True),
        ("1. Specific colour\n2. shape\n3. surrounding  skin", True),
        ("by specific colour, shape and/or surrounding skin", True),
        ("Its specific colour is brown, its shape oval, the surrounding skin pink.", False),
        ("specific colour, surrounding skin, shape", False),
    ],
)
def test_the_attribute_list_verbatim(text: str, expected: bool) -> None:
    assert echoes(text, ATTRIBUTES) is expected
    assert not echoes("its shape", ["shape"])


def test_clean() -> None:
    assert clean('<think>brown?\nno.</think>\n "**A mole**:\n\x00 it’s\u200b brown.\ud800" ') == "A mole: it’s brown."
    assert clean(f"Here is the description:\n\n{GOOD}") == GOOD
    assert clean(f"Sure! {GOOD}") == GOOD
    assert clean(GOOD) == GOOD


def test_a_broken_last_sentence_goes_unless_it_is_all() -> None:
    assert ended(f"{GOOD} Around it the") == GOOD
    assert ended(f"{SENTENCE} The lesion is dark brown, with") == f"{SENTENCE} The lesion is dark brown, with."
    assert ended("") == ""
    assert sentences("It is 2.5 mm wide. Its rim, approx. round, is red! Is it?") == [
        "It is 2.5 mm wide.",
        "Its rim, approx. round, is red!",
        "Is it?",
    ]


def test_whole_sentences_within_the_limit() -> None:
    text = f"{GOOD} Its rim is sharp."
    assert whole_sentences(text, words(text), words) == text
    assert whole_sentences(text, words(text) - 1, words) == GOOD
    assert whole_sentences("one two, three four", 2, words) == "one two."
    assert whole_sentences("one two", 0, words) == "one."
    assert estimated_tokens("one two three") == 4


@given(st.lists(st.text("abZ,. !?\n", min_size=1), max_size=30), st.integers(1, 40))
def test_the_limit_holds_and_nothing_is_invented(pieces: list[str], limit: int) -> None:
    text = clean(" ".join(pieces))
    said = Rejection(tries=1, limit=limit).captions(Model([text]), [Rule("", ATTRIBUTES)], [0])[0]
    if isinstance(said, Failure):
        assert not text
        return
    assert estimated_tokens(said) <= max(limit, 2)  # a word has two tokens
    assert text.startswith(said.rstrip(".")[: len(text)].rstrip(",;:"))


def test_the_length_is_counted_and_the_class_sentence_survives_a_summary() -> None:
    long = " ".join([GOOD] * 9)
    seen: list[tuple[str, int]] = []

    def summary(text: str, limit: int, count: object) -> str:
        seen.append((text, limit))
        return "It is dark brown. It is oval. It has a very long and winding rim."

    rejection = Rejection(limit=12, shorten=summary)
    assert rejection.captions(Model([long]), [RULE], [0], words) == [f"{SENTENCE} It is dark brown. It is oval."]
    assert seen == [(long, 12)]
    assert Rejection(limit=12).captions(Model([long]), [RULE], [0], words) == [GOOD]
    assert Rejection(limit=13, shorten=summary).captions(Model([GOOD]), [RULE], [0], words) == [GOOD]
    assert len(seen) == 1


@pytest.mark.parametrize("option", ["tries", "limit"])
def test_wrong_values(option: str) -> None:
    with pytest.raises(UserError, match=f"{option} = 0: must be 1 or more"):
        Rejection(**{option: 0})


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real T5 that says random words."""
    folder = tmp_path_factory.mktemp("t5")
    names = ["<pad>", "</s>", "<unk>", *f"simplify : {GOOD}".replace(".", " .").split()]
    vocabulary = {name: place for place, name in enumerate(dict.fromkeys(names))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(vocabulary), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_the_papers_summary(t5: Path) -> None:
    shortener = T5Shortener(str(t5))
    long = " ".join([GOOD] * 9)
    summary = shortener(long, 12, words)
    assert summary == shortener(long, 12, words)
    assert 0 < words(summary) <= 12
    # The same by transformers alone.
    tokenizer = PreTrainedTokenizerFast.from_pretrained(t5)
    model = T5ForConditionalGeneration.from_pretrained(t5).eval()
    ids = tokenizer(f"simplify: {long}", return_tensors="pt")
    out = model.generate(**ids, num_beams=4, min_length=9, max_length=12, early_stopping=True)
    assert summary == " ".join(tokenizer.decode(out[0], skip_special_tokens=True).split())
    caption = Rejection(limit=12, shorten=shortener).captions(Model([long]), [RULE], [0], words)[0]
    assert isinstance(caption, str)
    assert begins(caption, SENTENCE)
    assert words(caption) <= 12


def test_a_folder_without_a_t5(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a T5 model's folder") as caught:
        T5Shortener(str(tmp_path))("text", 12, words)
    assert "\n" not in str(caught.value)
