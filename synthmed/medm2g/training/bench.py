"""What the stages of one run share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from synthmed.medm2g.config import Config
from synthmed.medm2g.tokenizer import Tokenizers
from synthmed.medm2g.training.features import Features
from synthmed.medm2g.training.rows import Rows


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


def seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A new network whose weights are a function of the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
