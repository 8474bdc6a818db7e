"""Measures to a caption: which sentences, in which order, up to which length."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
import yaml

from synthmed.medart.captions.domain import Domain, Wording
from synthmed.medart.captions.embedded.facts import Fact, fact
from synthmed.medart.captions.embedded.measure import Measures

LEAST, MOST = 40, 100
"""Words of a caption: no sentence is added beyond the most; a picture with little to tell may stay below the least."""
_USUAL = (48, 80)


def caption(measures: Measures, domain: Domain, label: str, seed: int) -> str:
    """The class sentence, then what was measured, in at most 100 words.

    The domain's ``traits`` are always told, its ``optional`` ones in a random order until a length between 48 and 80
    words that the seed draws too. Equal arguments give equal captions.
    """
    rng = np.random.default_rng(seed)
    first = domain.sentence(label)
    wanted = int(rng.integers(*_USUAL))
    always = _facts(domain.wording.traits, measures, domain.wording)
    optional = _facts(domain.wording.optional, measures, domain.wording)
    optional = [optional[place] for place in rng.permutation(len(optional))]
    sentences = [_sentence(each, domain.wording, rng) for each in always]
    length = len(first.split()) + sum(len(sentence.split()) for sentence in sentences)
    for each in optional:
        sentence = _sentence(each, domain.wording, rng)
        if length >= wanted or length + len(sentence.split()) > MOST:
            break
        sentences.append(sentence)
        length += len(sentence.split())
    mixed = [sentences[place] for place in rng.permutation(len(sentences))]
    return _bounded([first, *mixed])


def _facts(traits: tuple[str, ...], measures: Measures, wording: Wording) -> list[Fact]:
    found = (fact(trait, measures, wording) for trait in traits)
    return [each for each in found if each is not None]


def _sentence(each: Fact, wording: Wording, rng: np.random.Generator) -> str:
    key, words = each
    sentences = _sentences()[key]
    return sentences[int(rng.integers(len(sentences)))].format_map(_places(wording, words))


def _places(wording: Wording, words: Mapping[str, str]) -> dict[str, str]:
    one = not wording.plural
    places = {
        "subject": wording.subject,
        "background": wording.background,
        "its": "its" if one else "their",
        "is": "is" if one else "are",
        "has": "has" if one else "have",
        "covers": "covers" if one else "cover",
        "lies": "lies" if one else "lie",
        "appears": "appears" if one else "appear",
        **words,
    }
    starts = {name.capitalize(): text[:1].upper() + text[1:] for name, text in places.items()}
    # Sentences are mixed: "Its" would be of whatever the one before it speaks of.
    starts["Its"] = starts["Subject"] + ("'" if wording.subject.endswith("s") else "'s")
    return {**places, **starts}


def _bounded(sentences: list[str]) -> str:
    """Whole sentences from the front that fit; of a class sentence that is too long itself, its first words."""
    kept: list[str] = []
    for sentence in sentences:
        words = sentence.split()
        if len(kept) + len(words) > MOST:
            break
        kept += words
    return " ".join(kept or sentences[0].split()[:MOST])


@cache
def _sentences() -> dict[str, list[str]]:
    text = (files("synthmed.medart.captions.embedded") / "wording.yaml").read_text(encoding="utf-8")
    sentences: dict[str, list[str]] = yaml.safe_load(text)
    return sentences
