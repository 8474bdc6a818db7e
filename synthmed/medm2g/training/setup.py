"""What a run begins with: rows, tokenizers, config, planned stages, initial weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synthmed.data.assemble import Assembled, assemble
from synthmed.data.datasets import RecordDataset
from synthmed.errors import UserError
from synthmed.hub import located
from synthmed.medm2g.config import Config, Group
from synthmed.medm2g.tokenizer import Tokenizers, train_tokenizer
from synthmed.medm2g.training.model import model_config
from synthmed.medm2g.training.order import Planned, plan_stages
from synthmed.medm2g.training.recipe import TrainRecipe
from synthmed.medm2g.training.rows import Rows, median_spacing
from synthmed.medm2g.training.scales import kept_groups
from synthmed.medm2g.training.store import Store, Tensors, start_config, take_parts
from synthmed.prompts import worded
from synthmed.registry import nearest

_LEAST_VOCABULARY = 260


@dataclass(frozen=True)
class Setup:
    """A recipe, with its data.

    Attributes:
        found: the rows.
        tokenizers: read, or trained on the texts.
        config: before latents are scaled.
        planned: the stages.
        rows: by split, ``train`` and ``val``.
        store: the initial weights.
        new: parts that are not taken from ``init``; empty without ``init``.
        kept: by field, the latents' groups that keep ``init``'s scale.
    """

    found: Assembled
    tokenizers: Tokenizers
    config: Config
    planned: list[Planned]
    rows: dict[str, Rows]
    store: Store
    new: list[str]
    kept: dict[str, Group]


def set_up(
    recipe: TrainRecipe, tokenizer_folder: Path | None, *, trust: bool, dry: bool, note: Callable[[str], None]
) -> Setup:
    """Read what a run needs.

    Args:
        tokenizer_folder: the run's own, where it has begun.
        dry: skip the leak check, and cache no image.

    Raises:
        UserError: the data, the model folder to start from, or the stages are wrong.
    """
    place = located(recipe.model.init) if recipe.model.init is not None else None
    if place is not None:
        if not place.is_dir():
            raise UserError(f"{recipe.model.init}: no such model folder to start from (model.init, or --init)")
        model = recipe.model.model_copy(update={"init": place})
        recipe = recipe.model_copy(update={"model": model})
    note("reading the data")
    found = assemble(recipe.data, check_leaks=not dry)
    if "train" not in found.splits:
        raise UserError(f"data: no record is in the split train; there are: {', '.join(found.splits)}")
    tokenizers = _tokenizers(recipe, found, tokenizer_folder)
    config = model_config(recipe, found, len(tokenizers.prompt))
    spec = recipe.data.model_copy(update={"cache": "none"}) if dry else recipe.data
    boxed = bool(recipe.data.box_image)
    splits = [split for split in ("train", "val") if split in found.splits]
    rows: dict[str, Rows] = {
        split: Rows(config, RecordDataset(spec, found, split, trust=trust), boxed=boxed) for split in splits
    }
    if not dry:
        config = _with_spacing(config, rows["train"])
    start, new = _start(recipe, config)
    published = recipe.model.pretrained
    for name in published:
        if name not in config.parts:
            raise UserError(f"model.pretrained: the model has no part {name!r}{nearest(name, config.parts)}")
    planned = plan_stages(config, recipe.stages, rows["train"].counts(), {*start, *published})
    store = Store(config, recipe.model.seed, start, published)
    trained = {part for one in planned for part in one.trains}
    kept = kept_groups(start_config(place), start, trained) if place else {}
    return Setup(found, tokenizers, config, planned, rows, store, new, kept)


def _tokenizers(recipe: TrainRecipe, found: Assembled, own: Path | None) -> Tokenizers:
    spec = recipe.model
    for folder in (own, Path(spec.init) / "tokenizer" if spec.init else None, spec.tokenizer):
        if folder is not None:
            return Tokenizers.load(folder)
    config = model_config(recipe, found, _LEAST_VOCABULARY)
    records = [row.record for row in found.splits["train"]]
    texts = [record.text for record in records if record.text]
    prompts = [worded(config, labels) for labels, _ in config.prompts.sets]
    return Tokenizers.same(train_tokenizer([*texts, *prompts], spec.vocabulary))


def _start(recipe: TrainRecipe, config: Config) -> tuple[dict[str, Tensors], list[str]]:
    spec = recipe.model
    if spec.init is None and spec.init_parts is not None:
        raise UserError("model.init_parts: there is no model.init to take them from; name one, or give --init MODEL")
    return take_parts(Path(spec.init), config, spec.init_parts) if spec.init else ({}, [])


def _with_spacing(config: Config, rows: Rows) -> Config:
    """With each image flow's median pixel spacing, where the files know theirs."""
    flows = []
    for flow in config.flows:
        spacing = median_spacing(rows, flow) if flow.pixels else None
        flows.append(flow.model_copy(update={"spacing": spacing}) if spacing else flow)
    return config.model_copy(update={"flows": tuple(flows)})
