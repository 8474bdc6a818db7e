"""The environment encoders V of MedM2G and CoDi: what one modality's noisy latent tells another's diffuser."""

from __future__ import annotations

from itertools import pairwise

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from synthmed.models.flat_blocks import FlatResBlock
from synthmed.models.norm import norm_groups
from synthmed.models.positions import grid_positions
from synthmed.models.prompt_encoders import as_token


class ContextEncoder(ModelMixin, ConfigMixin):
    """V of an image modality: guidance tokens of a noisy latent.

    CoDi's plan (NeurIPS 2023): a convolution, residual blocks to 2, 4 and 8 times ``width`` with strided convolutions
    between them, GroupNorm, SiLU, a convolution to ``dim``. ``width=160, dim=1280, tokens_grid=None,
    strides=(2, 2), time_dim=1280`` is CoDi's.

    Args:
        latent_channels: channels of the latent.
        dim: width of the tokens.
        width: channels of the first convolution.
        tokens_grid: (rows, columns) of tokens; each has a fixed 2-D position added, so that images that share a frame
            can guide each other place by place. None for the paper's one token: the mean, of length 1.
        time_dim: size of the time embedding.
        strides: of the two strided convolutions; their product should leave the map no smaller than the grid.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int,
        dim: int = 256,
        width: int = 64,
        tokens_grid: tuple[int, int] | None = (8, 8),
        time_dim: int = 256,
        strides: tuple[int, int] = (2, 1),
    ) -> None:
        super().__init__()
        self.time = _Time(width, time_dim)
        self.conv_in = nn.Conv2d(latent_channels, width, 3, padding=1)
        widths = [width * 2**i for i in range(4)]
        self.blocks = nn.ModuleList(
            ResnetBlock2D(
                in_channels=before,
                out_channels=after,
                temb_channels=time_dim,
                groups=norm_groups(before),
                groups_out=norm_groups(after),
            )
            for before, after in pairwise(widths)
        )
        self.downs = nn.ModuleList(
            nn.Conv2d(after, after, 3, stride=stride, padding=1)
            for after, stride in zip(widths[1:], strides, strict=False)
        )
        self.head = nn.Sequential(
            nn.GroupNorm(norm_groups(widths[-1]), widths[-1]), nn.SiLU(), nn.Conv2d(widths[-1], dim, 3, padding=1)
        )

    def forward(self, z_t: torch.Tensor, t: torch.Tensor, adaptive: torch.Tensor | None = None) -> torch.Tensor:
        """V_B([z_t^B, f_B]) of equation 6: (B, tokens, dim), where f_B's tokens follow those of z_t^B.

        Args:
            z_t: (B, C, h, w), noisy, scaled as the flow sees it.
            t: (B,) time steps.
            adaptive: f_B (B, k, dim), or None.
        """
        time = self.time(t, z_t)
        hidden = self.conv_in(z_t)
        for block, down in zip(self.blocks, [*self.downs, nn.Identity()], strict=True):
            hidden = down(block(hidden, time))
        features = self.head(hidden)
        if self.config["tokens_grid"] is None:
            tokens = as_token(features.mean(dim=(2, 3)))
        else:
            rows, columns = self.config["tokens_grid"]
            pooled = nn.functional.adaptive_avg_pool2d(features, (rows, columns)).flatten(2).transpose(1, 2)
            tokens = pooled + grid_positions(rows, columns, pooled.shape[-1], pooled.device).to(pooled.dtype)
        return _append(tokens, adaptive)


class FlatContextEncoder(ModelMixin, ConfigMixin):
    """V of a text: CoDi's plan with fully connected blocks; one token of length 1.

    Args:
        latent_dim: size of the latent.
        dim: width of the token.
        width: channels of the first layer; there are ``second_dim`` rows of them.
        second_dim: see ``width``.
        time_dim: size of the time embedding.
    """

    @register_to_config
    def __init__(
        self, latent_dim: int, dim: int = 256, width: int = 64, second_dim: int = 4, time_dim: int = 256
    ) -> None:
        super().__init__()
        self.time = _Time(width, time_dim)
        widths = [width * second_dim * 2**i for i in range(4)]
        self.conv_in = nn.Linear(latent_dim, widths[0])
        self.blocks = nn.ModuleList(
            FlatResBlock(before, after, time_dim, groups=norm_groups(before)) for before, after in pairwise(widths)
        )
        self.downs = nn.ModuleList(nn.Linear(after, after) for after in widths[1:-1])
        self.head = nn.Sequential(
            nn.GroupNorm(norm_groups(widths[-1]), widths[-1]), nn.SiLU(), nn.Linear(widths[-1], dim)
        )

    def forward(self, z_t: torch.Tensor, t: torch.Tensor, adaptive: torch.Tensor | None = None) -> torch.Tensor:
        """As `ContextEncoder.forward`, of a latent (B, D): (B, 1, dim), and f_B's tokens."""
        time = self.time(t, z_t)
        hidden = self.conv_in(z_t)
        for block, down in zip(self.blocks, [*self.downs, nn.Identity()], strict=True):
            # One row: the blocks see the whole vector in any case.
            hidden = down(block(hidden[:, :, None, None], time).flatten(1))
        return _append(as_token(self.head(hidden)), adaptive)


class _Time(nn.Module):
    def __init__(self, width: int, time_dim: int) -> None:
        super().__init__()
        self.positions = Timesteps(width, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.embedding = TimestepEmbedding(width, time_dim)

    def forward(self, t: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """(B,) times to (B, time_dim) of the type of ``like``."""
        out: torch.Tensor = self.embedding(self.positions(t.expand(len(like))).to(like.dtype))
        return out


def _append(tokens: torch.Tensor, adaptive: torch.Tensor | None) -> torch.Tensor:
    return tokens if adaptive is None else torch.cat([tokens, adaptive.to(tokens.dtype)], dim=1)
