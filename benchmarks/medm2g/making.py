"""Many images of a model in batches, with or without cross-guidance between its flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.rendering import Networks, Wish, make

BATCH = 32


def make_images(
    model: MedM2G,
    to: Sequence[str],
    n: int,
    prompts: Sequence[str] | None = None,
    given: Mapping[str, Sequence[Any]] | None = None,
    *,
    cross: bool = True,
) -> dict[str, torch.Tensor]:
    """(n, C, H, W) in [-1, 1] by image name; sample i has seed i, so that what two models make can be paired.

    Args:
        to: all that is made together, a report too.
        prompts: one a sample; the empty prompt for all by default.
        given: images in a `Sample`'s units, one a sample, by name.
        cross: whether flows guide each other.
    """
    networks = Networks(model.config, model.parts, model.tokenizers, model.device)
    texts, known = list(prompts or [""] * n), dict(given or {})
    made = []
    for start in range(0, n, BATCH):
        seeds = list(range(start, min(start + BATCH, n)))
        own = {name: [values[seed] for seed in seeds] for name, values in known.items()}
        wish = Wish(tuple(to), [texts[seed] for seed in seeds], seeds, own)
        made.append(make(networks, wish, model.config.sampler.make(), cross=cross))
    return {name: torch.cat([part[name] for part in made]) for name in to if name != "report"}
