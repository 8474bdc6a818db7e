"""What a vision-language model is asked, as Med-Art asks it."""

from __future__ import annotations

from collections.abc import Sequence


def attribute_list(attributes: Sequence[str]) -> str:
    """The attributes as the prompt lists them: "colour, shape and border"."""
    *first, last = attributes
    return f"{', '.join(first)} and {last}" if first else last


def instruction(sentence: str, attributes: Sequence[str], words: int = 100) -> str:
    """The prompt that goes with one picture.

    It does what the Visual Symptom Generator's does (Med-Art, arXiv 2506.20449), in other words: it gives the class
    sentence, asks for a description by the domain's attributes and what else is seen, to begin with that sentence, and
    within a number of words.

    Args:
        sentence: the class sentence, "A dermoscopy image of melanoma."
        attributes: at least one.
    """
    return (
        f"{sentence} Describe what is visible in this picture by these attributes: {attribute_list(attributes)}; "
        "add any other visible detail that matters. Describe what this picture shows, do not list the attributes. "
        f'Begin your answer with exactly "{sentence}" and write one paragraph of at most {words} words.'
    )
