"""Prompts: labels as text, and the label set of a sample of which nothing is said."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pydantic

from synthmed.errors import UserError
from synthmed.sample import NO_FINDING


class PromptConfig(pydantic.BaseModel):
    """How labels become text, and which labels a sample is given where nobody names any.

    Attributes:
        templates: by a label set's names joined by ``|`` (sorted), else ``"*"``, with ``{labels}``.
        sets: label sets with their frequency on the training rows; no text of a row is kept.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    templates: dict[str, str] = {"*": "{labels}"}
    sets: tuple[tuple[tuple[str, ...], pydantic.NonNegativeFloat], ...] = ()


class Prompted(Protocol):
    """A model's config, as far as prompts go."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All that the model can put on a sample."""
        ...

    @property
    def prompts(self) -> PromptConfig:
        """How labels become a prompt."""
        ...


def prompt_of(config: Prompted, given: Mapping[str, Any]) -> str:
    """The text that given labels, or a given report, stand for; "" where neither is given.

    Raises:
        UserError: a label that the model was not trained with.
    """
    if "report" in given:
        return str(given["report"])
    if "labels" not in given:
        return ""
    labels = [label for label in given["labels"] if label != NO_FINDING]
    unknown = [label for label in labels if label not in config.labels]
    if unknown:
        raise UserError(f"label {unknown[0]!r}: the model knows {', '.join(config.labels) or 'none'}, {NO_FINDING}")
    return worded(config, labels)


def worded(config: Prompted, labels: Sequence[str]) -> str:
    """A label set in the words of the model's domain."""
    names = sorted(labels) or [NO_FINDING]
    templates = config.prompts.templates
    template = templates.get("|".join(names)) or templates.get("*", "{labels}")
    return template.replace("{labels}", " and ".join(names))


def labels_of(config: Prompted, given: Mapping[str, Any], seed: int) -> tuple[str, ...] | None:
    """Given labels; drawn ones where nothing is given; None where they stand in a text or image alone."""
    if "labels" in given:
        return tuple(label for label in given["labels"] if label != NO_FINDING)
    return drawn_labels(config, seed) if not given else None


def drawn_labels(config: Prompted, seed: int) -> tuple[str, ...] | None:
    """The label set of a sample of which nothing is said: by the training rows' frequencies and the seed alone."""
    sets = config.prompts.sets
    total = sum(weight for _, weight in sets)
    if not sets or total <= 0:
        return None
    digest = hashlib.sha256(f"labels {seed}".encode()).digest()
    place = int.from_bytes(digest[:7], "big") / 2**56 * total
    for labels, weight in sets:
        place -= weight
        if place < 0:
            return labels
    return sets[-1][0]
