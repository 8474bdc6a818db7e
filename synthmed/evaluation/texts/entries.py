"""This room's metrics, by where they are found."""

from __future__ import annotations

from typing import Any

from synthmed.registry import Entry

_ROOM = "synthmed.evaluation.texts"
ENTRIES: tuple[Entry[Any], ...] = (
    Entry("bleu", "words shared with the real report of the same key: BLEU-1 … BLEU-4", f"{_ROOM}.bleu:BLEU"),
    Entry("rouge_l", "longest common run of words with the real report of the same key", f"{_ROOM}.rouge:ROUGEL"),
    Entry(
        "label_f1", "labels named in the text against those of the row: macro and micro F1", f"{_ROOM}.label_f1:LabelF1"
    ),
    Entry("distinct_n", "different words, pairs and triples of words over all of them", f"{_ROOM}.variety:DistinctN"),
    Entry(
        "text_duplicates",
        "texts that stand there twice, or stand in the training rows",
        f"{_ROOM}.variety:TextDuplicates",
    ),
    Entry(
        "text_length", "words a text, and how far their distribution is from real texts'", f"{_ROOM}.length:TextLength"
    ),
)
