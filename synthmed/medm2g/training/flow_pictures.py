"""What a flow or a round shows on its way: samples by the prompts of rows, beside those rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from synthmed.medm2g.config import TEXT
from synthmed.medm2g.rendering import Networks, Wish, make
from synthmed.medm2g.training.bench import Bench
from synthmed.medm2g.training.pictures import SHOWN, image_grid, written
from synthmed.training.log import Picture


def flow_pictures(bench: Bench, parts: nn.ModuleDict, names: Sequence[str]) -> Callable[[], Mapping[str, Picture]]:
    """Samples of the named flows, made together: those of a round guide each other.

    The prompts are the texts, or label prompts, of rows of the validation split (of the training one without it) that
    have the modality: a row of pictures above is theirs, the one below the model's.
    """
    rows = bench.rows.get("val", bench.rows["train"])
    config = bench.config
    image = next((name for name in names if name != TEXT), None)
    fields = () if image is None else config.flow(image).fields
    known = [index for index in range(len(rows)) if all(rows.has(index, field) for field in fields)][:SHOWN]

    def show() -> Mapping[str, Picture]:
        device = next(parts.parameters()).device
        to = tuple(field for name in names for field in config.flow(name).fields)
        prompts = [rows.prompt(index) or "" for index in known]
        networks = Networks(config, parts, bench.tokenizers, device)
        made = make(networks, Wish(to, prompts, list(range(len(known)))), config.sampler.make())
        pictures: dict[str, Picture] = {}
        for field in to:
            if field == "report":
                lines = [
                    line for prompt, text in zip(prompts, made[field], strict=True) for line in (prompt, f"> {text}")
                ]
                pictures[field] = written(lines)
                continue
            high = float(len(config.flow(field.split(".")[0]).mask_names)) if field.endswith(".mask") else 1.0
            low = 0.0 if field.endswith(".mask") else -1.0
            real = [rows.field(index, field) for index in known if rows.has(index, field)]
            pictures[field] = image_grid([*real], [value.cpu() for value in made[field]], low, high)
        return pictures

    return (dict) if not known else torch.no_grad()(show)
