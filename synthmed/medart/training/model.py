"""From a recipe's model section, the data's vocabularies and the start to the model's config."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pydantic

from synthmed.data.assemble import Assembled, Row
from synthmed.errors import UserError
from synthmed.medart.config import Config, PromptConfig
from synthmed.medart.training.recipe import ModelSpec
from synthmed.medart.training.start import Start
from synthmed.problem import problem
from synthmed.sample import NO_FINDING

MOST_SETS = 2000
"""Label sets that a model keeps; rarer ones could name a patient."""


def model_config(spec: ModelSpec, found: Assembled, start: Start) -> Config:
    """The config of the model that a recipe trains; its adapters and base are the start's.

    What the recipe does not say is the start's, else the defaults.

    Raises:
        UserError: a value that cannot be.
    """
    side = spec.image_size
    own: dict[str, Any] = {"pixels": (start.pixels, start.pixels), "size": spec.size or ""}
    if spec.size == "paper":
        own["batch_size"] = 4
    if start.config is not None:
        own |= start.config.model_dump()
    own |= {
        "image": spec.image,
        "base": start.base,
        "lora": start.lora,
        "scheduler": start.scheduler,
        "labels": found.labels,
        "prompts": PromptConfig(templates=spec.prompts, sets=label_sets(found.splits.get("train", ()))),
    }
    said = {"window": spec.window, "text_length": spec.text_length, "sampler": spec.sampler}
    own |= {name: value for name, value in said.items() if value is not None}
    if side is not None:
        own["pixels"] = (side, side)
    try:
        return Config(**own)
    except pydantic.ValidationError as error:
        raise UserError(f"model: {problem(error)}") from None


def label_sets(rows: Sequence[Row]) -> tuple[tuple[tuple[str, ...], float], ...]:
    """The label sets of rows that have labels, by how often they occur, at most `MOST_SETS`."""
    counts = Counter(tuple(sorted(set(row.record.labels) - {NO_FINDING})) for row in rows if row.record.labels)
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_SETS]
    return tuple((labels, count / total) for labels, count in ordered)
