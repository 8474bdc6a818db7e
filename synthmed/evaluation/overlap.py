"""How many words a generated report shares with the real one: BLEU and ROUGE-L by the convention of R2Gen.

Words are split at white space after a cleaner (lower case, punctuation apart from the dots between sentences removed);
nothing is cut and no rare word is replaced, unlike R2Gen's references, which inflates its figures.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

_DROPPED = re.compile(r"[^a-z0-9\s.]")


def words(text: str) -> list[str]:
    """The cleaner: lower case, no punctuation but a dot of its own between sentences."""
    plain = _DROPPED.sub(" ", text.lower())
    sentences = [sentence.split() for sentence in re.split(r"\.(?!\d)", plain)]
    joined: list[str] = []
    for sentence in filter(None, sentences):
        joined += [".", *sentence] if joined else sentence
    return joined


def bleu(references: Sequence[str], generated: Sequence[str], order: int = 4) -> list[float]:
    """Corpus BLEU-1 … BLEU-``order`` in [0, 1], one reference each, without smoothing (Papineni et al., ACL 2002).

    Raises:
        ValueError: other numbers of references and generated texts, or none.
    """
    _check(references, generated)
    matched, made = [0] * order, [0] * order
    length = reference_length = 0
    for reference, candidate in zip(map(words, references), map(words, generated), strict=True):
        length += len(candidate)
        reference_length += len(reference)
        for n in range(1, order + 1):
            there, known = _grams(candidate, n), _grams(reference, n)
            matched[n - 1] += sum((there & known).values())
            made[n - 1] += sum(there.values())
    brevity = 1.0 if length >= reference_length else math.exp(1 - reference_length / max(length, 1e-12))
    found, logs = [], 0.0
    for n in range(order):
        precision = matched[n] / made[n] if made[n] else 0.0
        logs += math.log(precision) if precision > 0 else -math.inf
        found.append(brevity * math.exp(logs / (n + 1)))
    return found


def rouge_l(references: Sequence[str], generated: Sequence[str], beta: float = 1.2) -> list[float]:
    """ROUGE-L's F of each pair in [0, 1], with recall weighted by β as in pycocoevalcap (Lin, 2004).

    Raises:
        ValueError: other numbers of references and generated texts, or none.
    """
    _check(references, generated)
    found = []
    for reference, candidate in zip(map(words, references), map(words, generated), strict=True):
        common = _longest_common(reference, candidate)
        precision = common / len(candidate) if candidate else 0.0
        recall = common / len(reference) if reference else 0.0
        both = recall + beta**2 * precision
        found.append((1 + beta**2) * precision * recall / both if both else 0.0)
    return found


def _grams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    before = [0] * (len(other) + 1)
    for left in one:
        row = [0]
        for place, right in enumerate(other):
            row.append(before[place] + 1 if left == right else max(row[place], before[place + 1]))
        before = row
    return before[-1]


def _check(references: Sequence[str], generated: Sequence[str]) -> None:
    if not references or len(references) != len(generated):
        raise ValueError(f"{len(references)} references for {len(generated)} generated texts; one each, and some")
