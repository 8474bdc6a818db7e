"""T5's tokenizer: of a folder, or trained on a recipe's own captions so that transformers reads it as T5's."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import T5Tokenizer
from transformers.utils import is_sentencepiece_available

from synthmed.errors import UserError

SPECIALS = ("<pad>", "</s>", "<unk>")
"""With the ids 0 to 2, as T5 has them."""
_SPACE = "▁"
_ALPHABET = sorted({*string.printable[:-6]} - {*string.ascii_uppercase} | {_SPACE})
_MOST_BYTES = 2**26


def cleaned(text: str) -> str:
    """A caption as `PixArtAlphaPipeline` with ``clean_caption=False`` hands it to T5: lower case, ends trimmed.

    Half a surrogate pair, which no UTF-8 and no tokenizer takes, becomes "?".
    """
    return text.encode("utf-8", "replace").decode("utf-8").lower().strip()


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> T5Tokenizer:
    """A tokenizer of T5's kind with pieces of the given texts.

    The pieces are byte-pair merges (Sennrich et al., ACL 2016) that hold no two digits and no punctuation with letters,
    each with the logarithm of its frequency in the texts. T5's own are pruned instead (Kudo, ACL 2018), but the trainer
    at hand gives others each time.

    Args:
        vocabulary: tokens at most, the three specials and ASCII's lower-case characters among them.

    Raises:
        UserError: fewer than these.
    """
    least = len(_ALPHABET) + len(SPECIALS)
    if vocabulary < least:
        raise UserError(f"vocabulary {vocabulary}: at least {least}, the characters and three special tokens")
    lines = [cleaned(text) for text in texts]
    merges = Tokenizer(BPE(unk_token="<unk>"))
    merges.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always", split=True),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Punctuation(),
        ]
    )
    trainer = BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIALS), initial_alphabet=_ALPHABET, show_progress=False
    )
    merges.train_from_iterator(lines, trainer)
    counts = Counter(piece for encoding in merges.encode_batch_fast(lines) for piece in encoding.tokens)
    total = counts.total() + 1
    ids = merges.get_vocab()
    pieces = sorted(ids, key=lambda piece: ids[piece])
    scores = [(piece, 0.0 if piece in SPECIALS else math.log((counts[piece] + 0.5) / total)) for piece in pieces]
    return T5Tokenizer(vocab=scores, extra_ids=0)


def encode(tokenizer: T5Tokenizer, texts: Sequence[str], length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Captions as `PixArtAlphaPipeline` encodes them: cut at ``length`` and padded to it.

    Returns:
        ids and mask, int64 (B, length); the mask is 1 where a token stands, the end token among them.
    """
    tokens = tokenizer(
        [cleaned(text) for text in texts],
        padding="max_length",
        max_length=length,
        truncation=True,
        add_special_tokens=True,
        return_tensors="pt",
    )
    return tokens["input_ids"], tokens["attention_mask"]


def load_tokenizer(folder: Path) -> T5Tokenizer:
    """The tokenizer of a folder: ``tokenizer.json``, or ``spiece.model`` where ``sentencepiece`` is installed.

    Raises:
        UserError: it is missing, too large, damaged, or is not T5's kind. Nothing in the folder is run.
    """
    found = [folder / name for name in ("tokenizer.json", "spiece.model") if (folder / name).is_file()]
    if not found:
        raise UserError(f"{folder}: the model's tokenizer is missing; it is a tokenizer.json or a spiece.model")
    if found[0].name == "spiece.model" and not is_sentencepiece_available():
        raise UserError(f"{found[0]}: reading it needs sentencepiece and protobuf: pip install sentencepiece protobuf")
    if any(file.stat().st_size > _MOST_BYTES for file in folder.iterdir()):
        raise UserError(f"{folder}: a file of over {_MOST_BYTES} bytes; this is not a tokenizer")
    try:
        tokenizer: T5Tokenizer = T5Tokenizer.from_pretrained(folder, local_files_only=True)
        encode(tokenizer, [""], 2)
    except Exception as error:  # whatever transformers and tokenizers make of a stranger's folder
        raise UserError(f"{folder}: not a tokenizer of T5: {' '.join(str(error).split())[:200]}") from None
    if [tokenizer.pad_token_id, tokenizer.eos_token_id] != [0, 1]:
        raise UserError(f"{folder}: not a tokenizer of T5: padding and end are not the tokens 0 and 1")
    return tokenizer
