"""From a recipe's model section and the data's vocabularies to the model's config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthmed.data.assemble import Assembled
from synthmed.data.label_sets import label_sets
from synthmed.errors import UserError
from synthmed.medm2g.config import Config, PromptConfig
from synthmed.medm2g.sizes import make_config, site_widths
from synthmed.medm2g.training.recipe import TrainRecipe
from synthmed.medm2g.training.stages import RoundStage
from synthmed.modality import canonical
from synthmed.registry import nearest


def model_config(recipe: TrainRecipe, found: Assembled, vocabulary: int) -> Config:
    """The config of the model that a recipe trains, with latents not scaled yet.

    Raises:
        UserError: a mask of an image that is not made or of data without masks, a part that the model does not have, or
            a size or pair that cannot be.
    """
    spec = recipe.model
    fields = tuple(canonical(field) for field in spec.fields)
    masks = tuple(canonical(field) for field in spec.masks)
    # Masks made of boxes have the boxes' names.
    mask_names = found.box_names if recipe.data.box_image else found.mask_names
    for field in masks:
        if field not in fields:
            raise UserError(f"model.masks: {field!r} is not one of model.fields{nearest(field, fields)}")
        if not mask_names:
            raise UserError(f"model.masks: {field}: the data have no masks")
    if isinstance(spec.image_size, dict):
        missing = [field for field in fields if field.split(".")[0] not in spec.image_size]
        if missing:
            raise UserError(f"model.image_size: no size for {missing[0]}; there are: {', '.join(spec.image_size)}")
    for size in [spec.image_size] if isinstance(spec.image_size, int) else spec.image_size.values():
        if size % 8:
            raise UserError(f"model.image_size: {size} is not a multiple of 8")
    rounds = [stage.pair for stage in recipe.stages if isinstance(stage, RoundStage)]
    known = [*dict.fromkeys(field.split(".")[0] for field in fields), *(["text"] if spec.text else [])]
    for name in (name for pair in rounds for name in pair):
        if name not in known:
            raise UserError(f"stages: a round of {name!r}, which the model does not make{nearest(name, known)}")
    try:
        config = make_config(
            spec.size,
            fields,
            image_size=spec.image_size,
            vocabulary=vocabulary,
            masks=dict.fromkeys(masks, mask_names),
            window=spec.window,
            share_autoencoder=spec.share_autoencoder,
            guides=tuple(dict.fromkeys(rounds)),
            process=spec.process,
            text=spec.text,
            image_latent=spec.image_latent,
            sampler=spec.sampler,
            labels=found.labels,
            boxed=tuple(name for name in found.box_names if name in mask_names and masks),
            prompts=PromptConfig(templates=spec.prompts, sets=label_sets(found.splits.get("train", ()))),
            pairing=spec.pairing,
        )
        return _overridden(config, spec.parts)
    except ValueError as error:
        raise UserError(f"model: {' '.join(str(error).split())}") from None


def _overridden(config: Config, parts: Mapping[str, Mapping[str, Any]]) -> Config:
    """With the recipe's own arguments of parts; guidance follows the widths of its flow."""
    made = dict(config.parts)
    for name, arguments in parts.items():
        if name not in made:
            raise UserError(f"model.parts: the model has no part {name!r}{nearest(name, made)}")
        made[name] = _merged(made[name], arguments)
    for name in parts:
        layers = f"layers_{name.removeprefix('flow_')}"
        if name.startswith("flow_") and layers in made:
            made[layers] = {**made[layers], "widths": site_widths(made[name], made[layers]["every_level"])}
    return config.model_copy(update={"parts": made})


def _merged(before: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for key, value in new.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
