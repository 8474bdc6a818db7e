"""Captions within the length that the text encoder reads: whole sentences, or the paper's summary."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from synthmed.errors import UserError
from synthmed.hub import located
from synthmed.load import read_config
from synthmed.models.entries import no_fetched_code

Count = Callable[[str], int]
"""How many tokens a text has."""
Shorten = Callable[[str, int, Count], str]
"""(text, limit, count) → a shorter text, within the limit if it can."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^\sa-z])")
_TOKENS_PER_WORD = 1.3


def estimated_tokens(text: str) -> int:
    """1.3 tokens a word, rounded up: what is counted where there is no tokenizer."""
    return math.ceil(_TOKENS_PER_WORD * len(text.split()))


def sentences(text: str) -> list[str]:
    """A text's sentences; one ends with ``.``, ``!`` or ``?`` before a blank and no small letter."""
    return [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]


def whole_sentences(text: str, limit: int, count: Count) -> str:
    """The first sentences that fit into ``limit`` tokens; of a first one that does not, the words that do.

    A text without a word that fits keeps its first word.
    """
    parts = sentences(text)
    for end in range(len(parts), 0, -1):
        if count(" ".join(parts[:end])) <= limit:
            return " ".join(parts[:end])
    words = text.split()
    fits = bisect_right(range(1, len(words) + 1), limit, key=lambda end: count(_sentence(words[:end])))
    return _sentence(words[: max(fits, 1)])


def ended(text: str) -> str:
    """The text without a last sentence that was broken off; a broken one that alone says something gets its stop."""
    if not text or text.endswith((".", "!", "?")):
        return text
    whole = sentences(text)[:-1]
    # The first sentence names the class; cut down to that, nothing of the description would be left.
    return " ".join(whole) if len(whole) > 1 else _sentence(text.split())


@dataclass(frozen=True)
class T5Shortener:
    """The paper's rule: a T5 that was trained to summarise, with "simplify:", 4 beams, 90 to 120 tokens.

    The lower bound is three quarters of the limit, as 90 is of the paper's 120. The summary need not begin with the
    class sentence; who calls sees to that.

    Args:
        model: a hub id or a folder of a transformers sequence-to-sequence model; safetensors alone are read.
        prefix: the task, which stands before the text.
    """

    model: str = "google-t5/t5-large"
    prefix: str = "simplify: "

    def __call__(self, text: str, limit: int, count: Count) -> str:
        """A summary of at most ``limit`` tokens of T5's own; ``count`` is not asked.

        Raises:
            UserError: the model cannot be loaded.
        """
        tokenizer, model = self._loaded
        # T5's relative positions have no end; 512 is what it was trained with.
        ids = tokenizer(self.prefix + text, return_tensors="pt", truncation=True, max_length=512).to(model.device)
        options = {"num_beams": 4, "min_length": 3 * limit // 4, "max_length": limit, "early_stopping": True}
        summary = model.generate(**ids, do_sample=False, **options)
        return " ".join(tokenizer.decode(summary[0], skip_special_tokens=True).split())

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        folder = located(self.model)
        if (folder / "config.json").exists():
            no_fetched_code(read_config(folder), str(folder / "config.json"))
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
            model = AutoModelForSeq2SeqLM.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True, use_safetensors=True
            )
        except Exception as error:  # each part has its own
            raise UserError(f"{self.model}: not a T5 model's folder ({' '.join(str(error).split())[:200]})") from None
        return tokenizer, model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def _sentence(words: list[str]) -> str:
    text = " ".join(words)
    return text if text.endswith((".", "!", "?")) else f"{text.rstrip(',;:')}."
