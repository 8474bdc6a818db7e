"""The adaptive parameters f_B of MedM2G: what A may learn about B from B's prompt encoder."""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn


class AdaptiveParameters(ModelMixin, ConfigMixin):
    """f_B = F_emb(φ_s(C_B(x_B))), equation 5 of MedM2G (arXiv 2403.04290).

    F_emb is an MLP. The paper names no φ_s: here the caller hands over the tokens that it sampled, and their images
    under F_emb are averaged. Free context vectors, learned as in textual inversion (Gal et al., ICLR 2023) and the same
    for every sample, are added.

    Args:
        dim_in: width of C_B's tokens.
        dim_out: width of the guidance tokens of A.
        tokens: guidance tokens to make.
        free: whether there are free context vectors.
    """

    @register_to_config
    def __init__(self, dim_in: int, dim_out: int, tokens: int = 1, free: bool = True) -> None:
        super().__init__()
        self.embedding = nn.Sequential(
            nn.LayerNorm(dim_in), nn.Linear(dim_in, dim_out), nn.SiLU(), nn.Linear(dim_out, tokens * dim_out)
        )
        # Not named as the configuration entry is: ModelMixin would answer with that.
        self.context = nn.Parameter(0.02 * torch.randn(tokens, dim_out)) if free else None

    def forward(self, prompt: torch.Tensor) -> torch.Tensor:
        """Sampled tokens of C_B (B, k, dim_in) to f_B (B, tokens, dim_out)."""
        found = self.embedding(prompt).mean(dim=1)
        vectors: torch.Tensor = found.reshape(len(prompt), -1, self.config["dim_out"])
        return vectors if self.context is None else vectors + self.context

    def unknown(self, n: int) -> torch.Tensor:
        """f_B of n samples of whose B nothing is known yet: the free vectors alone, (n, tokens, dim_out)."""
        if self.context is None:
            nothing = torch.zeros(n, self.config["tokens"], self.config["dim_out"])
            return nothing.to(next(self.parameters()))
        return self.context.expand(n, -1, -1)
