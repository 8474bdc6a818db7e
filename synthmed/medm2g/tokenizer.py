"""Tokenizers: trained on the recipe's own texts, kept as ``tokenizer.json``, read without code or network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from synthmed.errors import UserError

SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")
"""With the ids 0 to 3."""
FILE = "tokenizer.json"
ROLES = ("prompt", "encoder", "decoder")
_MOST_BYTES = 2**26
_BYTES = 256


@dataclass(frozen=True)
class Tokenizers:
    """A model's tokenizers by role; sizes that train their own have one for all three.

    Attributes:
        prompt: of C_text (CLIP's in ``paper``).
        encoder: of the text autoencoder's encoder (BERT's).
        decoder: of its decoder (GPT-2's).
    """

    prompt: PreTrainedTokenizerFast
    encoder: PreTrainedTokenizerFast
    decoder: PreTrainedTokenizerFast

    @classmethod
    def same(cls, tokenizer: PreTrainedTokenizerFast) -> Tokenizers:
        """One for all roles."""
        return cls(tokenizer, tokenizer, tokenizer)

    @classmethod
    def load(cls, folder: Path) -> Tokenizers:
        """One tokenizer of the folder itself, or one of each of its folders ``prompt``, ``encoder`` and ``decoder``.

        Raises:
            UserError: one is missing or damaged.
        """
        if all((folder / role / FILE).is_file() for role in ROLES):
            return cls(*(load_tokenizer(folder / role) for role in ROLES))
        return cls.same(load_tokenizer(folder))

    def save(self, folder: Path) -> None:
        """Write what `load` reads."""
        if self.prompt is self.encoder is self.decoder:
            save_tokenizer(self.prompt, folder)
            return
        for role in ROLES:
            save_tokenizer(getattr(self, role), folder / role)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer (Sennrich et al., ACL 2016; GPT-2's bytes), so that any text comes back as it was.

    Capitals are kept, digits stand one by one, punctuation stands apart: numbers and units of reports are then few
    tokens that are seen often.

    Args:
        vocabulary: tokens at most, the four specials and 256 bytes among them.

    Raises:
        UserError: fewer than these.
    """
    least = _BYTES + len(SPECIALS)
    if vocabulary < least:
        raise UserError(f"vocabulary {vocabulary}: at least {least}, the bytes and four special tokens")
    tokenizer = Tokenizer(BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _wrapped(tokenizer)


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], length: int) -> dict[str, torch.Tensor]:
    """Texts as tokens from the one that begins a text to the one that ends it.

    What looks like a special token in a text is text. A text that is too long loses its end, not its end token.

    Args:
        length: tokens at most, both special ones counted.

    Returns:
        ``input_ids`` and ``attention_mask``, int64 (B, L), L the longest text's.
    """
    first, last, pad = special_ids(tokenizer)
    rows = []
    for text in texts:
        inner = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        rows.append([first, *inner[: length - 2], last])
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def decode(tokenizer: PreTrainedTokenizerFast, ids: torch.Tensor | Sequence[Sequence[int]]) -> list[str]:
    """The texts of rows of tokens, each up to the token that ends it."""
    first, last, pad = special_ids(tokenizer)
    texts = []
    for row in torch.as_tensor(ids).tolist():
        ended = row[: row.index(last)] if last in row else row
        kept = [token for token in ended if token not in (first, pad)]
        texts.append(str(tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)))
    return texts


def special_ids(tokenizer: PreTrainedTokenizerFast) -> tuple[int, int, int]:
    """The tokens that begin a text, end it, and pad it; BERT's [CLS] and [SEP] are such too.

    Raises:
        UserError: the tokenizer has none that begins or ends a text.
    """
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id
    last = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    if first is None or last is None:
        raise UserError("the tokenizer has no token that begins, or none that ends, a text")
    return int(first), int(last), int(last if tokenizer.pad_token_id is None else tokenizer.pad_token_id)


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder, by its ``tokenizer.json`` alone; special tokens by their names.

    Raises:
        UserError: it is missing, too large, or damaged.
    """
    path = folder / FILE
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{path}: over {_MOST_BYTES} bytes; this is not a tokenizer")
        text = path.read_text(encoding="utf-8")
        json.loads(text)
        return _wrapped(Tokenizer.from_str(text))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; the model's tokenizer") from None
    except UserError:
        raise
    except Exception as error:  # tokenizers raises bare Exceptions
        raise UserError(f"{path}: not a tokenizer: {' '.join(str(error).split())[:200]}") from None


_NAMES = {
    "pad_token": ("<pad>", "[PAD]", "<PAD>"),
    "bos_token": ("<bos>", "<BOS>", "<|startoftext|>", "[CLS]"),
    "eos_token": ("<eos>", "<EOS>", "<|endoftext|>", "[SEP]"),
    "unk_token": ("<unk>", "[UNK]"),
}
"""As this module, BERT, OPTIMUS' GPT-2 and CLIP call them."""


def _wrapped(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    known: dict[str, Any] = {}
    for role, names in _NAMES.items():
        found = next((name for name in names if tokenizer.token_to_id(name) is not None), None)
        if found is not None:
            known[role] = found
    if not {"bos_token", "eos_token"} <= known.keys():
        raise ValueError("it has no token that begins, or none that ends, a text")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **known)
