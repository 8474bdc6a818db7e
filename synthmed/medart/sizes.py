"""From a size's name to a model's config and the description of its networks."""

from __future__ import annotations

from typing import Any, Literal

from synthmed.errors import UserError
from synthmed.medart.config import Config, Lora
from synthmed.medart.lora import LoraSpec

Size = Literal["debug", "nano", "base", "paper"]
Part = dict[str, Any]

PAPER = "PixArt-alpha/PixArt-XL-2-512x512"
"""The pipeline that the paper adapts; its DiT has 610,856,096 parameters, its T5-XXL encoder 4,762,310,656."""
DOWNSAMPLING = 8
"""Of the autoencoders of all sizes."""

_SIDE: dict[Size, int] = {"debug": 32, "nano": 128, "base": 256, "paper": 512}
_LATENT: dict[Size, int] = {"debug": 4, "nano": 8, "base": 8, "paper": 4}
_TRANSFORMER: dict[Size, tuple[int, int, int]] = {
    "debug": (2, 2, 8),
    "nano": (8, 6, 32),
    "base": (12, 8, 64),
    "paper": (28, 16, 72),
}
"""Layers, heads, and channels a head."""
_TEXT: dict[Size, tuple[int, int, int, int, int]] = {
    "debug": (2, 16, 2, 8, 32),
    "nano": (6, 160, 5, 32, 400),
    "base": (8, 512, 8, 64, 1024),
    "paper": (24, 4096, 64, 64, 10240),
}
"""Layers, width, heads, channels a head, and width of the gated layers."""
_VAE: dict[Size, Part] = {
    "debug": {
        "class": "AutoencoderKL",
        "block_out_channels": [8, 8, 16, 16],
        "layers_per_block": 1,
        "norm_num_groups": 4,
    },
    "nano": {"class": "LightAutoencoder", "channels": [64, 128], "blocks": 2},
    "base": {"class": "LightAutoencoder", "channels": [128, 256], "blocks": 3},
    "paper": {"class": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2},
}


def make_config(size: Size, side: int | None = None, **entries: Any) -> Config:
    """The config of a model of this size, with the paper's adapters.

    ``paper`` names the published pipeline as its base; the networks of the others are new (`describe_parts`).

    Args:
        side: rows and columns; None for the size's.
        entries: further entries of `Config`, which come before the size's.
    """
    side = side or _SIDE[size]
    own: dict[str, Any] = {"size": size, "pixels": (side, side)}
    own["lora"] = Lora(transformer=LoraSpec(), text_encoder=LoraSpec())
    if size == "paper":
        own |= {"base": PAPER, "batch_size": 4}
    return Config(**(own | entries))


def describe_parts(
    size: Size, vocabulary: int, *, side: int | None = None, channels: int = 3, latent: int | None = None
) -> dict[str, Part]:
    """The networks of a size, for `synthmed.medart.parts.build_parts`.

    Args:
        vocabulary: tokens of the tokenizer; ``paper`` has T5's 32,128 whatever it is.
        side: rows and columns, a multiple of twice the downsampling; None for the size's.
        channels: of the autoencoder's images: 3, or 1 for grey alone.
        latent: channels of its latent; None for the size's.

    Raises:
        UserError: the side does not fit.
    """
    side, latent = side or _SIDE[size], latent or _LATENT[size]
    if side % (2 * DOWNSAMPLING):
        raise UserError(f"side {side}: a multiple of {2 * DOWNSAMPLING}, two by two cells of the latent")
    layers, heads, width = _TRANSFORMER[size]
    text_layers, text_width, text_heads, head_width, gated = _TEXT[size]
    transformer: Part = {
        "num_layers": layers,
        "num_attention_heads": heads,
        "attention_head_dim": width,
        "cross_attention_dim": heads * width,
        "in_channels": latent,
        # The second half is PixArt's learned variance, which nothing here trains: only published weights have it.
        "out_channels": 2 * latent if size == "paper" else latent,
        "sample_size": side // DOWNSAMPLING,
        "caption_channels": text_width,
        "use_additional_conditions": False,
    }
    text_encoder: Part = {
        "vocab_size": 32128 if size == "paper" else vocabulary,
        "num_layers": text_layers,
        "d_model": text_width,
        "num_heads": text_heads,
        "d_kv": head_width,
        "d_ff": gated,
        "feed_forward_proj": "gated-gelu",
    }
    vae: Part = {**_VAE[size], "in_channels": channels, "out_channels": channels, "latent_channels": latent}
    if vae["class"] == "AutoencoderKL":
        blocks = len(vae["block_out_channels"])
        vae |= {"down_block_types": ["DownEncoderBlock2D"] * blocks, "up_block_types": ["UpDecoderBlock2D"] * blocks}
        vae |= {"sample_size": side}
    return {"transformer": transformer, "text_encoder": text_encoder, "vae": vae}
