"""A MedM2G training recipe: model, data and stages, typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

import pydantic

from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.medm2g.config import ProcessConfig, SamplerConfig
from synthmed.medm2g.size_parts import Size
from synthmed.medm2g.training.stages import DEFAULTS, STAGES, Stage
from synthmed.recipe import validate
from synthmed.runs.stages import typed_stage
from synthmed.sample import Pairing

Place = Annotated[
    str, pydantic.BeforeValidator(str), pydantic.PlainSerializer(lambda place: PurePath(place).as_posix())
]
"""A folder or a hub id as it is written: a `Path` would forget that ``./a/b`` begins with a dot, and is no id."""


class ModelSpec(pydantic.BaseModel):
    """The ``model`` section.

    Attributes:
        size: of the networks.
        fields: the images that it makes (``xray``, ``mri.t2``); those of one modality are one flow.
        image_size: rows and columns, of all or by modality; a multiple of 8.
        image_latent: channels of an image's latent; the size's where it is not given.
        masks: of ``fields``, those whose label maps are made too, over the data's ``mask_names``.
        window: (low, high) HU in which CT is made.
        share_autoencoder: one for all grey images.
        text: whether reports are made; text prompts are understood in any case.
        vocabulary: tokens at most of the tokenizer that is trained; one of ``init`` or ``tokenizer`` is kept.
        tokenizer: a folder with a tokenizer, or with one each in ``prompt``, ``encoder`` and ``decoder``.
        process: of all flows.
        sampler: the model's default.
        pairing: what the images of one sample share: the ``anatomy``, where records with several were trained on.
        prompts: how labels become text, with ``{labels}``; by a label set's names joined by ``|`` (sorted), else ``*``.
        seed: of the initial weights.
        init: a model folder to start from; ``--init`` sets it.
        init_parts: the parts that are taken from ``init``; all that it has where not given.
        pretrained: folders of published weights by part name, as ``flow_xray`` of a Stable Diffusion 1.5 folder; see
            `synthmed.medm2g.pretrained.start_from`.
        parts: arguments of parts that differ from the size's, by part name.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    family: Literal["medm2g"] = "medm2g"
    size: Size
    fields: tuple[str, ...]
    image_size: pydantic.PositiveInt | dict[str, pydantic.PositiveInt] = 64
    image_latent: pydantic.PositiveInt | None = None
    masks: tuple[str, ...] = ()
    window: tuple[float, float] = (-1000.0, 400.0)
    share_autoencoder: bool = True
    text: bool = True
    vocabulary: pydantic.PositiveInt = 2000
    tokenizer: Path | None = None
    process: ProcessConfig = ProcessConfig()
    sampler: SamplerConfig = SamplerConfig()
    pairing: Pairing = "text"
    prompts: dict[str, str] = {"*": "{labels}"}
    seed: pydantic.NonNegativeInt = 0
    init: Place | None = None
    init_parts: tuple[str, ...] | None = None
    pretrained: dict[str, Place] = {}
    parts: dict[str, dict[str, Any]] = {}


class TrainRecipe(pydantic.BaseModel):
    """A whole recipe.

    Attributes:
        model: what is trained.
        data: on what; see `DataSpec`. ``data.size`` is the model's ``image_size`` where it is not given.
        stages: in their order.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: ModelSpec
    data: DataSpec
    stages: tuple[Stage, ...]


class _Sections(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    model: ModelSpec
    data: DataSpec
    training: dict[str, Any] = {}
    stages: list[dict[str, Any]]


def train_recipe(data: Mapping[str, Any], where: str) -> TrainRecipe:
    """A recipe's keys and values, typed; ``training`` holds settings of all stages that a stage's own override.

    Args:
        where: the file, for error messages.

    Raises:
        UserError: an unknown key or stage (with the nearest), or a value of the wrong type.
    """
    found = validate(data, _Sections, where)
    if not found.stages:
        raise UserError(f"{where}: stages is empty; there are: {', '.join(STAGES)}")
    stages = tuple(
        typed_stage(entry, found.training, f"{where}: stages.{i}", STAGES, DEFAULTS)
        for i, entry in enumerate(found.stages)
    )
    spec = found.data
    if "size" not in spec.model_fields_set and isinstance(found.model.image_size, int):
        spec = spec.model_copy(update={"size": found.model.image_size})
    return TrainRecipe.model_construct(model=found.model, data=spec, stages=stages)
