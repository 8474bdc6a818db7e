"""The tokenizer: T5's kind by transformers' own readers, and the pipeline's tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import PixArtAlphaPipeline
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, T5Tokenizer
from transformers.utils import is_sentencepiece_available

from synthmed.errors import UserError
from synthmed.medart.encode import encode_prompts
from synthmed.medart.tokenizer import encode, load_tokenizer, train_tokenizer

TEXTS = ["A nevus of 7.25 mm, light brown; smooth border.", "A melanoma of 13 mm, dark brown (irregular border)."]


def test_the_same_texts_give_the_same_tokenizer(tmp_path: Path) -> None:
    one, other = train_tokenizer(TEXTS, 160), train_tokenizer(iter(TEXTS), 160)
    assert one.backend_tokenizer.to_str() == other.backend_tokenizer.to_str()
    assert len(one) <= 160
    assert [one.convert_tokens_to_ids(token) for token in ("<pad>", "</s>", "<unk>")] == [0, 1, 2]


def test_words_of_the_captions_are_tokens_and_numbers_are_digits() -> None:
    tokenizer = train_tokenizer(TEXTS * 3, 300)
    pieces = tokenizer.tokenize("a brown border of 725 mm")
    assert {"▁brown", "▁border", "7", "2", "5"} <= set(pieces)


def test_transformers_reads_it_as_t5s(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(TEXTS, 160)
    tokenizer.save_pretrained(tmp_path)
    expected = encode(tokenizer, ["A brown nevus?"], 20)[0]
    for loaded in (
        AutoTokenizer.from_pretrained(tmp_path),
        T5Tokenizer.from_pretrained(tmp_path),
        load_tokenizer(tmp_path),
    ):
        assert isinstance(loaded, T5Tokenizer)
        assert torch.equal(encode(loaded, ["A brown nevus?"], 20)[0], expected)


@given(st.text(max_size=80))
def test_any_text_is_of_the_length_asked_for_and_ends(text: str) -> None:
    tokenizer = _TOKENIZER
    ids, mask = encode(tokenizer, [text, ""], 12)
    assert ids.shape == mask.shape == (2, 12)
    for row, seen in zip(ids.tolist(), mask.tolist(), strict=True):
        length = sum(seen)
        assert row[length - 1] == 1
        assert row[length:] == [0] * (12 - length)
    assert ids[1].tolist() == [1] + [0] * 11


_TOKENIZER = train_tokenizer(TEXTS, 160)


def test_half_a_surrogate_pair_is_a_question_mark() -> None:
    tokenizer = train_tokenizer(TEXTS, 200)
    assert torch.equal(encode(tokenizer, ["a \ud800 b"], 8)[0], encode(tokenizer, ["a ? b"], 8)[0])


def test_embeddings_are_the_pipelines(pipeline: Path) -> None:
    pipe = PixArtAlphaPipeline.from_pretrained(pipeline)
    prompts = ["  A Nevus of 7 mm ", "melanoma " * 40]
    embeds, mask, null, null_mask = pipe.encode_prompt(prompts, clean_caption=False, max_sequence_length=24)
    tokenizer = load_tokenizer(pipeline / "tokenizer")
    mine, my_mask = encode_prompts(pipe.text_encoder, *encode(tokenizer, prompts, 24))
    nothing, nothing_mask = encode_prompts(pipe.text_encoder, *encode(tokenizer, ["", ""], 24))
    assert torch.equal(mine, embeds)
    assert torch.equal(my_mask, mask)
    assert torch.equal(nothing, null)
    assert torch.equal(nothing_mask, null_mask)
    mine.sum().backward()
    assert pipe.text_encoder.shared.weight.grad.abs().sum() > 0


def test_too_few_tokens_and_damaged_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="vocabulary 50: at least"):
        train_tokenizer(TEXTS, 50)
    with pytest.raises(UserError, match="tokenizer is missing"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("[]")
    with pytest.raises(UserError, match="not a tokenizer of T5"):
        load_tokenizer(tmp_path)


def test_sentencepieces_own_file_gives_sentencepieces_tokens(tmp_path: Path) -> None:
    """The published pipelines have no tokenizer.json."""
    file = tmp_path / "spiece.model"
    if not is_sentencepiece_available():
        file.write_bytes(b"")
        with pytest.raises(UserError, match="pip install sentencepiece"):
            load_tokenizer(tmp_path)
        pytest.skip("sentencepiece is not installed")
    import sentencepiece

    kinds = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "pad_piece": "<pad>", "vocab_size": 40}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 20), model_prefix=str(file.with_suffix("")), minloglevel=2, **kinds
    )
    tokenizer = load_tokenizer(tmp_path)
    tokenizer.save_pretrained(tmp_path / "saved")
    reference = sentencepiece.SentencePieceProcessor(model_file=str(file))
    for text in ("a nevus of 13 mm ﬁne", "dark  brown (border)", "ünïcode"):
        for loaded in (tokenizer, load_tokenizer(tmp_path / "saved")):
            ids, mask = encode(loaded, [text], 60)
            assert ids[0, : int(mask.sum())].tolist() == [*reference.encode(text), 1]
