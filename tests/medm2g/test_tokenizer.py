from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.medm2g.tokenizer import (
    SPECIALS,
    Tokenizers,
    decode,
    encode,
    load_tokenizer,
    save_tokenizer,
    train_tokenizer,
)
from synthmed.phantom import Phantom
from synthmed.protocols import Request

TEXTS = ["A nodule of 12 mm in the left lung.", "No finding.\nHeart: normal; ratio 0.47."]
TOKENIZER = train_tokenizer(TEXTS * 4, 320)


@pytest.fixture(scope="module")
def reports() -> list[str]:
    samples = Phantom((32, 32)).render([Request(to=("report",), given={}) for _ in range(24)], list(range(24)))
    return [str(sample.report) for sample in samples]


def test_reports_of_the_phantom_come_back_as_they_were(reports: list[str]) -> None:
    tokenizer = train_tokenizer(reports, 600)
    assert decode(tokenizer, encode(tokenizer, reports, 1000)["input_ids"]) == reports
    lengths = encode(tokenizer, reports, 1000)["attention_mask"].sum(dim=1)
    assert lengths.max() < min(len(text.encode()) for text in reports)  # words are few tokens


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_back(text: str) -> None:
    assert decode(TOKENIZER, encode(TOKENIZER, [text], 1000)["input_ids"]) == [text]


def test_special_tokens_have_the_first_ids_and_are_text_within_a_text() -> None:
    assert [TOKENIZER.convert_tokens_to_ids(name) for name in SPECIALS] == [0, 1, 2, 3]
    ids = encode(TOKENIZER, ["<eos><pad> a"], 100)["input_ids"][0].tolist()
    assert ids[0] == 1
    assert ids[-1] == 2
    assert min(ids[1:-1]) > 3


def test_digits_stand_alone_and_punctuation_apart() -> None:
    many = train_tokenizer(["12 12 12 12, a.b a.b a.b"] * 50, 400)
    assert not [token for token in many.get_vocab() if sum(part.isdigit() for part in token) > 1]
    assert not [token for token in many.get_vocab() if "." in token and len(token) > 1]


def test_a_long_text_keeps_its_end_token_and_a_batch_is_padded_to_its_longest() -> None:
    batch = encode(TOKENIZER, ["a" * 50, "b"], 8)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    assert ids.dtype == mask.dtype == torch.int64
    assert ids.shape == (2, 8)
    assert ids[0, -1] == 2
    assert mask.sum(dim=1).tolist() == [8, 3]
    assert ids[1].tolist()[2:] == [2, 0, 0, 0, 0, 0]
    assert encode(TOKENIZER, [""], 8)["input_ids"].tolist() == [[1, 2]]


def test_it_is_the_same_after_a_folder_whatever_else_lies_there(tmp_path: Path) -> None:
    save_tokenizer(TOKENIZER, tmp_path)
    assert (tmp_path / "tokenizer_config.json").is_file()
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": "evil.Evil"}}))
    loaded = load_tokenizer(tmp_path)
    assert decode(loaded, encode(loaded, TEXTS, 100)["input_ids"]) == TEXTS
    assert loaded.get_vocab() == TOKENIZER.get_vocab()


def test_training_is_a_function_of_the_texts() -> None:
    again = train_tokenizer(TEXTS * 4, 320)
    assert again.backend_tokenizer.to_str() == TOKENIZER.backend_tokenizer.to_str()


def test_tokenizers_by_role(tmp_path: Path) -> None:
    other = train_tokenizer(["other words"], 300)
    Tokenizers(TOKENIZER, other, TOKENIZER).save(tmp_path / "three")
    three = Tokenizers.load(tmp_path / "three")
    assert three.encoder.get_vocab() == other.get_vocab() != three.prompt.get_vocab()
    Tokenizers.same(TOKENIZER).save(tmp_path / "one")
    one = Tokenizers.load(tmp_path / "one")
    assert one.prompt is one.decoder


@pytest.mark.parametrize("text", ["", "{", "{}", '{"model": {"type": "BPE"}}', "[1]", "null"])
def test_a_damaged_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(UserError, match="not a tokenizer"):
        load_tokenizer(tmp_path)


def test_a_missing_or_cut_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the model's tokenizer"):
        load_tokenizer(tmp_path)
    save_tokenizer(TOKENIZER, tmp_path)
    whole = (tmp_path / "tokenizer.json").read_text()
    (tmp_path / "tokenizer.json").write_text(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a tokenizer"):
        load_tokenizer(tmp_path)


def test_too_small_a_vocabulary_is_refused() -> None:
    with pytest.raises(UserError, match="at least 260"):
        train_tokenizer(TEXTS, 100)
