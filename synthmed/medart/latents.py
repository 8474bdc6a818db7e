"""The autoencoder's latents as the transformer sees them."""

from __future__ import annotations

from typing import Any

import torch

Shape = tuple[int, int, int]


def downsampling(vae: Any) -> int:
    """Pixels a latent cell, along one side."""
    if hasattr(vae, "downsampling"):  # LightAutoencoder
        return int(vae.downsampling)
    return int(2 ** (len(vae.config["block_out_channels"]) - 1))


def latent_shape(vae: Any, pixels: tuple[int, int]) -> Shape:
    """Channels, rows and columns of the latent of an image of these rows and columns.

    Raises:
        ValueError: a side is not a multiple of the downsampling.
    """
    cell = downsampling(vae)
    rows, columns = pixels
    if rows % cell or columns % cell:
        raise ValueError(f"{rows} × {columns} pixels; the autoencoder takes multiples of {cell}")
    return int(vae.config["latent_channels"]), rows // cell, columns // cell


def scaled(vae: Any, z: torch.Tensor) -> torch.Tensor:
    """(z - shift_factor) · scaling_factor: what the transformer sees of the autoencoder's latent."""
    shift, scale = _scaling(vae)
    return (z - shift) * scale


def unscaled(vae: Any, z: torch.Tensor) -> torch.Tensor:
    """The inverse of `scaled`."""
    shift, scale = _scaling(vae)
    return z / scale + shift


def set_scaling(vae: Any, shift: float, scale: float) -> None:
    """Keep an autoencoder's scaling in its ``config.json``, such that its latents have mean 0 and deviation 1.

    `PixArtAlphaPipeline` knows no shift: an `AutoencoderKL` that it is to decode with has 0.
    """
    # diffusers' ``from_config`` takes an entry which the constructor filled in for the default still.
    filled = set(vae.config.get("_use_default_values", ())) - {"shift_factor", "scaling_factor"}
    vae.register_to_config(shift_factor=float(shift), scaling_factor=float(scale), _use_default_values=sorted(filled))


def decode(vae: Any, z: torch.Tensor) -> torch.Tensor:
    """The images (B, channels, H, W) of the transformer's latents, about [-1, 1], not clamped; differentiable."""
    image: torch.Tensor = vae.decode(unscaled(vae, z).to(vae.dtype), return_dict=False)[0]
    return image


def _scaling(vae: Any) -> tuple[float, float]:
    # AutoencoderKL's shift_factor is None where there is none.
    return float(vae.config.get("shift_factor") or 0.0), float(vae.config["scaling_factor"])
