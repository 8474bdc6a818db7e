"""A Med-Art training recipe: model, data, captions and stages, typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pydantic

from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.medart.config import Lora, SamplerConfig
from synthmed.medart.lora import LoraSpec
from synthmed.medart.sizes import Size
from synthmed.medart.training.stages import DEFAULTS, STAGES, Stage
from synthmed.recipe import validate
from synthmed.runs.stages import typed_stage

Captions = Literal["full", "simple", "empty"]


class ModelSpec(pydantic.BaseModel):
    """The ``model`` section.

    Attributes:
        size: of new networks; not needed with ``base`` or ``init``, whose networks are taken.
        image: the image that it makes.
        image_size: rows and columns; by default what the networks were made for.
        pooled: images of every modality are trained on as if they were ``image``, each over its own range.
        text_length: tokens of a prompt; 120, or the start's.
        window: (low, high) HU in which CT is made.
        vocabulary: tokens at most of the tokenizer that is trained with new networks.
        base: what adapters are put on: a PixArt pipeline (folder or hub id), or a Med-Art folder, whose own adapters
            become part of the weights. What is on the hub is named in the model, not copied.
        init: a Med-Art folder to go on from, with its adapters, or a PixArt pipeline; ``--init`` sets it, and it comes
            in the place of ``base``.
        lora: the adapters; a network whose entry is null has none and stays as it is.
        sampler: the model's default; the start's where not given.
        prompts: how labels become text, with ``{labels}``; by a label set's names joined by ``|`` (sorted), else ``*``.
        seed: of new weights.
        dtype: of the networks while nothing but adapters is trained; half precision is for GPUs.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    family: Literal["medart"] = "medart"
    size: Size | None = None
    image: str = "photo"
    image_size: pydantic.PositiveInt | None = None
    pooled: bool = False
    text_length: int | None = pydantic.Field(default=None, ge=2, le=4096)
    window: tuple[float, float] | None = None
    vocabulary: pydantic.PositiveInt = 2000
    base: str | None = None
    init: str | None = None
    lora: Lora = Lora(transformer=LoraSpec(), text_encoder=LoraSpec())
    sampler: SamplerConfig | None = None
    prompts: dict[str, str] = {"*": "{labels}"}
    seed: pydantic.NonNegativeInt = 0
    dtype: Literal["fp32", "bf16", "fp16"] = "fp32"


class TrainRecipe(pydantic.BaseModel):
    """A whole recipe.

    Attributes:
        model: what is trained.
        data: on what; see `DataSpec`.
        captions: ``full`` (a caption file's text, else the row's own, else the labels in the template's words),
            ``simple`` (the labels in the template's words), or ``empty``.
        caption_files: tables of ``synthmed caption``; a row is found by its image's file.
        stages: in their order.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: ModelSpec
    data: DataSpec
    captions: Captions = "full"
    caption_files: tuple[Path, ...] = ()
    stages: tuple[Stage, ...]


class _Sections(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    model: ModelSpec
    data: DataSpec
    captions: Captions = "full"
    caption_files: tuple[Path, ...] = ()
    training: dict[str, Any] = {}
    stages: list[dict[str, Any]]


def train_recipe(data: Mapping[str, Any], where: str) -> TrainRecipe:
    """A recipe's keys and values, typed; ``training`` holds settings of all stages that a stage's own override.

    Args:
        where: the file, for error messages.

    Raises:
        UserError: an unknown key or stage (with the nearest), a value of the wrong type, or stages in an order that
            cannot be.
    """
    found = validate(data, _Sections, where)
    stages = tuple(
        typed_stage(entry, found.training, f"{where}: stages.{i}", STAGES, DEFAULTS)
        for i, entry in enumerate(found.stages)
    )
    order = list(STAGES)
    places = [order.index(stage.stage) for stage in stages]
    if not places or places != sorted(set(places)):
        raise UserError(f"{where}: stages: each at most once, at least one, in this order: {', '.join(order)}")
    return TrainRecipe.model_construct(
        model=found.model, data=found.data, captions=found.captions, caption_files=found.caption_files, stages=stages
    )
