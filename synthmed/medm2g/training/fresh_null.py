"""A null token that follows the text encoder while the diffusion loss trains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from synthmed.medm2g.objectives.flow import FlowObjective


class FreshNull(nn.Module):
    """`FlowObjective` whose null is the empty text's embedding by the encoder as it stands, as in sampling.

    Args:
        objective: which trains the encoder.
        encoder: C_text.
        empty: its tokens of the empty text.
    """

    def __init__(self, objective: FlowObjective, encoder: nn.Module, empty: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.trained = objective.trained
        self.objective = objective
        # In a tuple: the encoder is a submodule of ``trained`` alone.
        self._encoder = (encoder,)
        self._empty = dict(empty)

    def forward(self, batch: Mapping[str, Any], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """As `FlowObjective`."""
        encoder: Any = self._encoder[0]
        device = self.objective.null.device
        with torch.no_grad():
            token = encoder.embed(**{name: tensor.to(device) for name, tensor in self._empty.items()})
        self.objective.null.copy_(token)
        losses: dict[str, torch.Tensor] = self.objective(batch, generator)
        return losses
