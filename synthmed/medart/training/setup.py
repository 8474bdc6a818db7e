"""What a run begins with: rows with their captions, networks, tokenizer, config."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import T5Tokenizer

from synthmed.data.assemble import Assembled, assemble
from synthmed.data.datasets import RecordDataset
from synthmed.data.label_sets import label_sets
from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.medart.config import Config, Lora, PromptConfig
from synthmed.medart.parts import check_parts, network
from synthmed.medart.tokenizer import load_tokenizer, train_tokenizer
from synthmed.medart.training.captions import captioned
from synthmed.medart.training.model import model_config
from synthmed.medart.training.recipe import ModelSpec, TrainRecipe
from synthmed.medart.training.rows import Rows
from synthmed.medart.training.stages import AdaptStage, AutoencoderStage, BaseStage, Stage
from synthmed.medart.training.start import Start, described_start, found_start, new_start
from synthmed.modality import MODALITIES, image_name
from synthmed.prompts import worded


@dataclass
class Setup:
    """A recipe, with its data.

    Attributes:
        found: the rows, with the captions that they are trained with.
        data: the recipe's section, with the model's size.
        config: the model's, before a stage has changed it.
        start: the networks.
        rows: by split, ``train`` and ``val``.
    """

    found: Assembled
    data: DataSpec
    config: Config
    start: Start
    rows: dict[str, Rows]


def set_up(
    recipe: TrainRecipe, tokenizer_folder: Path | None, *, trust: bool, dry: bool, note: Callable[[str], None]
) -> Setup:
    """Read what a run needs.

    Args:
        tokenizer_folder: the run's own, where it has begun with new networks.
        dry: skip the leak check, cache no image, and load no weights.

    Raises:
        UserError: the data, the captions, the model to start from, or the stages are wrong.
    """
    spec = recipe.model
    note("reading the data")
    found = assemble(recipe.data, check_leaks=not dry)
    if "train" not in found.splits:
        raise UserError(f"data: no record is in the split train; there are: {', '.join(found.splits)}")
    wording = Config(pixels=(1, 1), prompts=PromptConfig(templates=spec.prompts))
    captioned(found, recipe.captions, recipe.caption_files, wording)

    def tokenizer() -> T5Tokenizer:
        if tokenizer_folder is not None and tokenizer_folder.is_dir():
            return load_tokenizer(tokenizer_folder)
        rows = found.splits["train"]
        texts = [row.record.text or "" for row in rows]
        return train_tokenizer([*texts, *(worded(wording, names) for names, _ in label_sets(rows))], spec.vocabulary)

    channels = 3 if spec.pooled else MODALITIES.get(image_name(spec.image).modality).channels
    if dry:
        start = described_start(spec, channels, tokenizer)
    else:
        start = found_start(spec) if spec.init or spec.base else new_start(spec, channels, tokenizer())
    check_stages(spec, recipe.stages, start)
    config = model_config(spec, found, start)
    if start.tokenizer is not None:
        check_parts(config, start.parts, start.tokenizer)
    data = recipe.data
    if "size" not in data.model_fields_set:
        data = data.model_copy(update={"size": config.pixels[0]})
    cached = data.model_copy(update={"cache": "none"}) if dry else data
    vae: Any = network(start.parts["vae"])
    rows: dict[str, Rows] = {
        split: Rows(config, int(vae.config["in_channels"]), _dataset(cached, found, split, trust), pooled=spec.pooled)
        for split in ("train", "val")
        if split in found.splits
    }
    if not len(rows["train"]):
        raise UserError(f"data: no record of the split train has an image {spec.image!r}")
    rows = {split: some for split, some in rows.items() if len(some)}
    if not dry and (spacing := rows["train"].spacing()):
        config = config.model_copy(update={"spacing": spacing})
    return Setup(found, data, config, start, rows)


def check_stages(spec: ModelSpec, stages: Sequence[Stage], start: Start) -> None:
    """See that each stage has what it needs, and that it makes sense with the start.

    Raises:
        UserError: it has not, or does not.
    """
    kinds = {type(stage) for stage in stages}
    whole = kinds & {AutoencoderStage, BaseStage}
    trained = set(start.ready) | ({"vae"} if AutoencoderStage in kinds else set())
    trained |= {"transformer", "text_encoder"} if BaseStage in kinds else set()
    for name, stage in (("vae", "autoencoder"), ("transformer", "base")):
        if name not in trained:
            raise UserError(f"stages: nothing trains {name}; add the stage {stage}, or give model.base or --init MODEL")
    if AutoencoderStage in kinds and start.ready and BaseStage not in kinds:
        raise UserError("stages: autoencoder changes the latents that the transformer knows; add the stage base")
    if AdaptStage in kinds and spec.lora == Lora():
        raise UserError("model.lora: both networks have none, and the stage adapt trains nothing; give one an adapter")
    if start.lora != Lora() and (whole or AdaptStage not in kinds):
        raise UserError(
            "model.init has adapters, with which only the stage adapt can go on; name it as model.base, which makes "
            "them part of the weights"
        )
    if start.lora != Lora() and start.lora != spec.lora:
        raise UserError(
            "model.lora is not that of model.init, whose adapters would go on; make them equal, or name it as "
            "model.base, on whose weights new ones are put"
        )
    if spec.dtype != "fp32" and whole:
        raise UserError(f"model.dtype {spec.dtype}: all weights are trained, which are fp32; set training.precision")
    for one in stages:
        if spec.dtype != "fp32" and one.training.precision != spec.dtype:
            raise UserError(f"model.dtype {spec.dtype} needs training.precision {spec.dtype}: adapters stay fp32")


def _dataset(data: DataSpec, found: Assembled, split: str, trust: bool) -> RecordDataset:
    return RecordDataset(data, found, split, trust=trust)
