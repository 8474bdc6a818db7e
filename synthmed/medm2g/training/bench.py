"""What the stages of one run share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from synthmed.medm2g.config import Config
from synthmed.medm2g.tokenizer import Tokenizers
from synthmed.medm2g.training.features import Features
from synthmed.medm2g.training.rows import Rows
from synthmed.training.log import Picture


@dataclass
class Bench:
    """Data and model of a run.

    Attributes:
        config: the model's; its latent scales are set before the first stage that sees latents.
        rows, features: by split, ``train`` and, where the data have one, ``val``.
        tokenizers: the model's.
        seed: of the auxiliary networks.
        trust: see `synthmed.data.pipeline.build_pipeline`.
    """

    config: Config
    rows: Mapping[str, Rows]
    features: Mapping[str, Features]
    tokenizers: Tokenizers
    seed: int
    trust: bool = False


@dataclass
class Prepared:
    """A stage, ready for `synthmed.training.loop.train`.

    Attributes:
        objective: an `Objective`.
        parts: what it changes, by part name.
        datasets: by split.
        collate: items to a batch.
        pictures: what to show on the way.
        alone: the objective cannot be called in one process of several.
        networks: outside networks that teach, for the model's card.
    """

    objective: Any
    parts: Mapping[str, nn.Module]
    datasets: Mapping[str, Dataset[Any]]
    collate: Callable[[Any], Any]
    pictures: Callable[[], Mapping[str, Picture]] | None = None
    alone: bool = False
    networks: tuple[str, ...] = field(default=())


def seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A new network whose weights are a function of the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
