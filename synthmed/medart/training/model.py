"""From a recipe's model section, the data's vocabularies and the start to the model's config."""

from __future__ import annotations

from typing import Any

import pydantic

from synthmed.data.assemble import Assembled
from synthmed.data.label_sets import label_sets
from synthmed.errors import UserError
from synthmed.medart.config import Config, PromptConfig
from synthmed.medart.training.recipe import ModelSpec
from synthmed.medart.training.start import Start
from synthmed.problem import problem


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
