"""One side of a pair of flows that guide each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from synthmed.models.adaptive import AdaptiveParameters
from synthmed.models.flow import LatentFlow
from synthmed.models.guidance_layers import GuidanceLayers


@dataclass(frozen=True)
class Guided:
    """A modality's flow, and what lets it guide and be guided.

    Attributes:
        flow: the diffuser.
        layers: attached to ``flow.network``: how it listens.
        context: V, and
        adaptive: f, the two ways in which it speaks; None for V alone.
    """

    flow: LatentFlow
    layers: GuidanceLayers
    context: nn.Module
    adaptive: AdaptiveParameters | None = None

    def parts(self) -> dict[str, Any]:
        """The modules that a round may train, by name: all but the flow."""
        parts = {"layers": self.layers, "context": self.context, "adaptive": self.adaptive}
        return {name: part for name, part in parts.items() if part is not None}

    def tokens(self, z: torch.Tensor, t: torch.Tensor, embedding: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """What this side tells the other: V([z_t, f]) of equation 6.

        Args:
            z: its latent as the other side may see it.
            t: (B,) its times.
            embedding: (B, 1, dim), C(x); anything where it is not known.
            known: (B,) bool. Where it is not, as in joint generation, f is its free vectors alone; zeros without such.
        """
        tokens: torch.Tensor = self.context(z, t, self._adapted(embedding, known))
        return tokens

    def pooled(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, dim), the mean of V's own tokens among those of `tokens`; f's come last."""
        own = tokens.shape[1] - (self.adaptive.config["tokens"] if self.adaptive is not None else 0)
        return tokens[:, :own].mean(dim=1)

    def _adapted(self, embedding: torch.Tensor, known: torch.Tensor) -> torch.Tensor | None:
        adaptive: Any = self.adaptive
        if adaptive is None:
            return None
        where = known[:, None, None]
        adapted: torch.Tensor = adaptive(torch.where(where, embedding, 0.0))
        free = adaptive.context
        return torch.where(where, adapted, torch.zeros_like(adapted) if free is None else free)
