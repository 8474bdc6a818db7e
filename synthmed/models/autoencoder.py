"""A KL autoencoder that is quick on a CPU: pixels are unshuffled before the first convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from synthmed.models.norm import norm_groups


class LightAutoencoder(ModelMixin, ConfigMixin):
    """A KL autoencoder (Kingma and Welling 2014) with the methods of diffusers' `AutoencoderKL`, so that either fits.

    Convolutions at full resolution are what makes `AutoencoderKL` slow. Here ``unshuffle`` × ``unshuffle`` pixels
    become channels first; residual blocks follow at each of ``channels``, with a stride of 2 between widths. The
    decoder mirrors it and ends in a pixel shuffle. Label maps are encoded one-hot: ``in_channels`` and ``out_channels``
    are then the number of classes, and the output is logits.

    Args:
        in_channels: channels of the image.
        out_channels: channels of the output; None for ``in_channels``.
        latent_channels: channels of the latent.
        channels: width at each resolution, from the finest.
        unshuffle: side of the square of pixels that becomes channels.
        blocks: residual blocks a resolution, in the encoder and in the decoder.
        scaling_factor: as `AutoencoderKL` has it, for the caller: flows see (z - shift_factor) · scaling_factor.
        shift_factor: see ``scaling_factor``.
    """

    @register_to_config
    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int | None = None,
        latent_channels: int = 8,
        channels: Sequence[int] = (64, 128),
        unshuffle: int = 4,
        blocks: int = 2,
        scaling_factor: float = 1.0,
        shift_factor: float = 0.0,
    ) -> None:
        super().__init__()
        pixels = unshuffle**2
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(unshuffle),
            _conv(in_channels * pixels, channels[0]),
            *_stages(channels, blocks, down=True),
            *_head(channels[-1], 2 * latent_channels),
        )
        self.decoder = nn.Sequential(
            _conv(latent_channels, channels[-1]),
            *_stages(channels[::-1], blocks, down=False),
            *_head(channels[0], (out_channels or in_channels) * pixels),
            nn.PixelShuffle(unshuffle),
        )

    @property
    def downsampling(self) -> int:
        """Pixels a latent cell, along one side."""
        factor: int = self.config["unshuffle"] * 2 ** (len(self.config["channels"]) - 1)
        return factor

    def encode(
        self, x: torch.Tensor, return_dict: bool = True
    ) -> AutoencoderKLOutput | tuple[DiagonalGaussianDistribution]:
        """The posterior of images (B, C, H, W): ``.latent_dist`` over (B, latent_channels, H / 8, W / 8).

        Raises:
            ValueError: H or W is not a multiple of `downsampling`.
        """
        height, width = x.shape[-2:]
        if height % self.downsampling or width % self.downsampling:
            raise ValueError(
                f"images of {height} × {width} pixels; both sides must be multiples of {self.downsampling}"
            )
        posterior = DiagonalGaussianDistribution(self.encoder(x))
        return AutoencoderKLOutput(latent_dist=posterior) if return_dict else (posterior,)

    def decode(
        self, z: torch.Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> DecoderOutput | tuple[torch.Tensor]:
        """The image of an unscaled latent: ``.sample`` (B, C, H, W), not clamped.

        Args:
            z: (B, latent_channels, h, w).
            generator: not used; `AutoencoderKL` takes one.
        """
        image = self.decoder(z)
        return DecoderOutput(sample=image) if return_dict else (image,)

    def forward(
        self, sample: torch.Tensor, sample_posterior: bool = False, generator: torch.Generator | None = None
    ) -> DecoderOutput:
        """The reconstruction of ``sample`` from its posterior's mean, or from a draw."""
        (posterior,) = self.encode(sample, return_dict=False)
        z = posterior.sample(generator) if sample_posterior else posterior.mode()
        return DecoderOutput(sample=self.decoder(z))


def _stages(channels: Sequence[int], blocks: int, *, down: bool) -> list[nn.Module]:
    """Residual blocks at each width, with a change of resolution between widths."""
    layers: list[nn.Module] = []
    for i, width in enumerate(channels):
        if i and down:
            layers.append(_conv(channels[i - 1], width, stride=2))
        elif i:
            layers += [nn.Upsample(scale_factor=2.0, mode="nearest"), _conv(channels[i - 1], width)]
        layers += [_Residual(width) for _ in range(blocks)]
    return layers


class _Residual(nn.Module):
    """diffusers' residual block without a time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        no_time: Any = None  # legal, though annotated as an integer
        self.block = ResnetBlock2D(in_channels=width, temb_channels=no_time, groups=norm_groups(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to the same."""
        out: torch.Tensor = self.block(x, None)
        return out


def _head(width: int, out: int) -> list[nn.Module]:
    return [nn.GroupNorm(norm_groups(width), width, eps=1e-6), nn.SiLU(), _conv(width, out)]


def _conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1)
