"""The rejection loop: ask again until a caption obeys the instruction, then see to its length."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synthmed.errors import UserError
from synthmed.generation.seeds import sample_seed
from synthmed.medart.captions.protocol import Failure
from synthmed.medart.captions.shorten import Count, Shorten, ended, estimated_tokens, whole_sentences

Generate = Callable[[Sequence[int], Sequence[int]], Sequence[str | Failure]]
"""(places of the pictures that still want a caption, a seed for each) → what the model said of each."""

_THOUGHT = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_PREAMBLE = re.compile(
    r"\A(?:(?:caption|description)\s*:\s*|(?:sure|certainly|of course|here(?:'s| is| are))\b[^.:!]{0,80}[.:!]\s+)", re.I
)
_REFUSAL = re.compile(r"\bI(?:'m| am) (?:sorry|unable|not able)\b|\bI (?:can't|cannot|can not)\b|\bas an AI\b", re.I)
_BETWEEN = r"(?:[\W\d_]|\band\b|\bor\b)*"


@dataclass(frozen=True)
class Rule:
    """What one picture's caption must do.

    Attributes:
        sentence: the class sentence that it must begin with, but for case and the stop; "" for none.
        attributes: the attributes that were asked for, whose list it must not repeat.
    """

    sentence: str
    attributes: tuple[str, ...]

    def fault(self, text: str) -> str:
        """What is wrong with a clean text, as the end of "it …"; "" where nothing is."""
        return self.refusal(text) or ("" if begins(text, self.sentence) else "does not begin with the class sentence")

    def refusal(self, text: str) -> str:
        """The fault for which nothing of the text can be used; "" where there is none."""
        if not text:
            return "is empty"
        if _REFUSAL.search(text.replace("’", "'")):
            return "refuses to describe the picture"
        return "repeats the attribute list" if echoes(text, self.attributes) else ""


@dataclass(frozen=True)
class Rejection:
    """How often a model is asked, and how long a caption may be.

    The paper asks again until the class sentence stands first and the attribute list is not repeated, without end; its
    limit is 120 tokens (Med-Art, arXiv 2506.20449). After the last try here, the last text that says something (no
    repeated list, no refusal, not empty) is put behind the class sentence; where no try said anything, the picture has
    a `Failure`.

    Attributes:
        tries: at least 1; each has its own seed, `sample_seed(picture's seed, 0, try)`.
        limit: tokens, at least 1.
        shorten: what makes a longer caption shorter; what it leaves too long loses its last sentences.
    """

    tries: int = 5
    limit: int = 120
    shorten: Shorten = whole_sentences

    def __post_init__(self) -> None:
        for name in ("tries", "limit"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} = {getattr(self, name)}: must be 1 or more")

    def captions(
        self, generate: Generate, rules: Sequence[Rule], seeds: Sequence[int], count: Count = estimated_tokens
    ) -> list[str | Failure]:
        """One caption a rule, or why there is none; only pictures whose text was rejected are asked for again.

        A `Failure` that ``generate`` gives is not tried again: it has its own patience.
        """
        found: dict[int, str | Failure] = {}
        spare: dict[int, str] = {}
        fault: dict[int, str] = {}
        wanted = list(range(len(rules)))
        for attempt in range(self.tries):
            texts = generate(wanted, [sample_seed(seeds[place], 0, attempt) for place in wanted])
            for place, said in zip(wanted, texts, strict=True):
                if isinstance(said, Failure):
                    found[place] = said
                    continue
                text = clean(said)
                fault[place] = rules[place].fault(text)
                if not fault[place]:
                    found[place] = text
                elif not rules[place].refusal(text):
                    spare[place] = text
            wanted = [place for place in wanted if place not in found]
            if not wanted:
                break
        return [self._last(found.get(i), spare.get(i), rule, fault.get(i, ""), count) for i, rule in enumerate(rules)]

    def _last(
        self, found: str | Failure | None, spare: str | None, rule: Rule, fault: str, count: Count
    ) -> str | Failure:
        if isinstance(found, str):
            return self._short(found, rule, count)
        if spare is not None:
            return self._short(f"{rule.sentence} {spare}".strip(), rule, count)
        return found or Failure(f"no usable caption in {self.tries} tries; the last {fault}")

    def _short(self, text: str, rule: Rule, count: Count) -> str:
        text = ended(text)
        if count(text) <= self.limit:
            return text
        text = ended(clean(self.shorten(text, self.limit, count)))
        if not begins(text, rule.sentence):
            text = f"{rule.sentence} {text}".strip()
        return text if count(text) <= self.limit else whole_sentences(text, self.limit, count)


def clean(text: str) -> str:
    """One line of printable characters, without thoughts, Markdown's marks, quotes around it, and "Here is …:"."""
    text = _THOUGHT.sub("", text).replace("**", "")
    text = "".join(character for character in text if character.isprintable() or character.isspace())
    text = " ".join(text.split()).strip(" \"'*#`“”")
    return _PREAMBLE.sub("", text).lstrip(" \"'*#`“”")


def begins(text: str, sentence: str) -> bool:
    """Whether a text's first words are the sentence's, whatever their case, blanks and the sentence's last stop."""
    words = (re.escape(word) for word in sentence.strip().rstrip(".!").split())
    return re.match(r"\s*" + r"\s+".join(words) + r"(?!\w)", text, re.IGNORECASE) is not None if sentence else True


def echoes(text: str, attributes: Sequence[str]) -> bool:
    """Whether a text holds the whole attribute list, in its order, with nothing but signs, numbers and "and" between.

    One attribute alone is no list.
    """
    words = (r"\s+".join(re.escape(word) for word in attribute.split()) for attribute in attributes)
    return len(attributes) > 1 and re.search(_BETWEEN.join(words), text, re.IGNORECASE) is not None
