"""The projector of Barlow Twins."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn


class Projector(ModelMixin, ConfigMixin):
    """Linear layers without biases; batch norm and ReLU after all but the last (Zbontar et al., ICML 2021).

    The loss normalises the output over the batch, so that the last layer needs neither.

    Args:
        dims: widths from input to output; the original has (2048, 8192, 8192, 8192).

    Raises:
        ValueError: fewer than two widths.
    """

    @register_to_config
    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        if len(dims) < 2:
            raise ValueError(f"a projector needs an input and an output width, not {list(dims)}")
        layers: list[nn.Module] = []
        for before, after in pairwise(dims[:-1]):
            layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(dims[-2], dims[-1], bias=False))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, dims[0]) to (B, dims[-1]); in training mode B is at least 2."""
        out: torch.Tensor = self.layers(features)
        return out
