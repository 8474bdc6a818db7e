"""Each kind of network at each size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synthmed.medm2g.config import TEXT, FlowConfig, ProcessConfig

DOWNSAMPLING = 8
"""Of the autoencoders of all sizes."""
Size = Literal["debug", "nano", "base", "paper"]
Part = dict[str, Any]


@dataclass(frozen=True)
class Preset:
    """What the networks of one size share.

    Attributes:
        dim: width of the prompt space.
        text_latent: width of a report's latent.
        text_length: tokens of a report at most; the paper's reports need 60 (IU X-ray) to 100 (MIMIC).
        image_latent, mask_latent: channels.
        grid: rows and columns of an image's guidance tokens; None for CoDi's single token.
        context_width: of the first layer of V.
        guidance_dim: width of the guidance tokens.
        heads: of the cross-attention to them.
        projector: widths of the visual invariant's projector after the first. ``paper``: about the 13.7 M of table 7.
    """

    dim: int
    text_latent: int
    text_length: int
    image_latent: int
    mask_latent: int
    grid: tuple[int, int] | None
    context_width: int
    guidance_dim: int
    heads: int
    projector: tuple[int, ...]


PRESETS: dict[Size, Preset] = {
    "debug": Preset(16, 16, 24, 2, 2, (2, 2), 8, 16, 2, (16, 16)),
    "nano": Preset(256, 256, 160, 8, 4, (8, 8), 32, 256, 4, (512, 512)),
    "base": Preset(512, 512, 160, 8, 4, (16, 16), 96, 512, 8, (1024, 1024)),
    "paper": Preset(768, 768, 100, 4, 4, None, 160, 1280, 8, (2400, 2400, 2400)),
}
_LIGHT: dict[Size, tuple[list[int], int]] = {"debug": ([8, 8], 1), "nano": ([64, 128], 2), "base": ([128, 256], 3)}
_RESNET: dict[Size, list[int]] = {"debug": [8, 8, 16, 16], "nano": [32, 64, 128, 256], "base": [64, 128, 256, 512]}
_BERT: dict[Size, tuple[int, int, int]] = {"debug": (16, 1, 2), "nano": (128, 4, 4), "base": (512, 6, 8)}
_UNET: dict[Size, tuple[list[int], int]] = {
    "debug": ([8, 16], 1),
    "nano": ([64, 128, 192], 1),
    "base": ([256, 384, 512], 2),
}
_FLAT: dict[Size, list[int]] = {"debug": [8, 16], "nano": [48, 96], "base": [256, 512, 512]}


def autoencoder(size: Size, channels: int, latent: int) -> Part:
    """Of images."""
    if size == "paper":
        return {
            "class": "AutoencoderKL",
            "in_channels": channels,
            "out_channels": channels,
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
            "block_out_channels": [128, 256, 512, 512],
            "layers_per_block": 2,
            "latent_channels": latent,
            "sample_size": 512,
        }
    widths, blocks = _LIGHT[size]
    return {
        "class": "LightAutoencoder",
        "in_channels": channels,
        "latent_channels": latent,
        "channels": widths,
        "blocks": blocks,
    }


def mask_autoencoder(size: Size, classes: int, latent: int) -> Part:
    """Of label maps, one-hot; half as wide as that of images."""
    widths, _ = _LIGHT["base" if size == "paper" else size]
    return {
        "class": "LightAutoencoder",
        "in_channels": classes,
        "latent_channels": latent,
        "channels": [max(8, width // 2) for width in widths],
        "blocks": 1,
    }


def image_encoder(size: Size, channels: int, preset: Preset) -> Part:
    """C of an image modality."""
    if size == "paper":
        tower = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
        shape = {"patch_size": 14, "image_size": 224, "projection_dim": preset.dim}
        if channels not in (1, 3):  # several contrasts; CLIP's own weights are of three channels
            shape["num_channels"] = channels
        return {"class": "ClipImagePromptEncoder", "tower": tower | shape}
    return {"class": "ImagePromptEncoder", "in_channels": channels, "dim": preset.dim, "widths": _RESNET[size]}


def text_encoder(size: Size, vocabulary: int, preset: Preset) -> Part:
    """C_text."""
    if size == "paper":
        tower = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
        return {"class": "ClipTextPromptEncoder", "tower": tower | {"projection_dim": preset.dim}}
    hidden, layers, heads = _BERT[size]
    return {
        "class": "TextPromptEncoder",
        "vocab_size": vocabulary,
        "dim": preset.dim,
        "hidden": hidden,
        "layers": layers,
        "heads": heads,
        "max_length": preset.text_length + 8,
    }


def text_autoencoder(size: Size, vocabulary: int, preset: Preset) -> Part:
    """OPTIMUS; ``paper`` is BERT-base-cased with GPT-2 small and its three extra tokens.

    The others begin without published weights, have norms before attention in the encoder too, and drop nothing out:
    their stage drops words.
    """
    if size == "paper":
        return {
            "class": "Optimus",
            "encoder": {"vocab_size": 28996},
            "decoder": {"vocab_size": 50260},
            "latent_dim": preset.text_latent,
        }
    hidden, layers, heads = _BERT[size]
    positions = preset.text_length + 8
    encoder = {
        "model_type": "roberta-prelayernorm",
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * hidden,
        "max_position_embeddings": positions + 1,  # it counts from the padding token's id, 0, on
        "pad_token_id": 0,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    decoder = {
        "vocab_size": vocabulary,
        "n_embd": hidden,
        "n_layer": layers,
        "n_head": heads,
        "n_positions": positions,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "attn_pdrop": 0.0,
    }
    return {
        "class": "Optimus",
        "encoder": encoder,
        "decoder": decoder,
        "latent_dim": preset.text_latent,
        "scaling_factor": 1.0,
        "log_variance": -4.0,
    }


def image_flow(size: Size, groups: Sequence[int], side: int, preset: Preset, process: ProcessConfig) -> Part:
    """An image's flow; ``paper`` is Stable Diffusion 1.5's UNet (859,520,964 parameters without masks)."""
    channels = sum(groups)
    flags = len(groups) if len(groups) > 1 else 0
    if size == "paper":
        network: Part = {
            "class": "UNet2DConditionModel",
            "sample_size": side,
            "in_channels": channels + flags,
            "out_channels": channels,
            "block_out_channels": [320, 640, 1280, 1280],
            "layers_per_block": 2,
            "cross_attention_dim": preset.dim,
            "attention_head_dim": 8,
        }
    else:
        widths, layers = _UNET[size]
        if side <= 8 and len(widths) > 2:  # which halved twice would leave 2 x 2
            widths = widths[1:]
        inner = len(widths) - 1
        network = {
            "class": "UNet2DConditionModel",
            "sample_size": side,
            "in_channels": channels + flags,
            "out_channels": channels,
            "block_out_channels": widths,
            "layers_per_block": layers,
            "norm_num_groups": 8 if size == "debug" else 32,
            # Attention at full resolution costs most and gives least.
            "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * inner],
            "up_block_types": [*["CrossAttnUpBlock2D"] * inner, "UpBlock2D"],
            "cross_attention_dim": preset.dim,
            "attention_head_dim": preset.heads,
            # The prompt scales and shifts the levels without attention too, by way of the time's embedding.
            "addition_embed_type": "text",
            "addition_embed_type_num_heads": preset.heads,
            "resnet_time_scale_shift": "scale_shift",
        }
    return _flow(network, groups, 2, process)


def text_flow(size: Size, preset: Preset, process: ProcessConfig) -> Part:
    """The text's flow; ``paper`` is Versatile Diffusion's (1,708,848,448 parameters)."""
    network: Part = {"class": "FlatUNet", "latent_dim": preset.text_latent, "cross_attention_dim": preset.dim}
    if size != "paper":
        widths = _FLAT[size]
        network |= {
            "channels": widths,
            "layers_per_block": 1,
            "heads": preset.heads,
            "attention_levels": list(range(len(widths))),
            "norm_groups": {"debug": 8, "nano": 16}.get(size, 32),
        }
    return _flow(network, [preset.text_latent], 0, process)


def guidance(size: Size, flow: FlowConfig, preset: Preset, site_widths: Callable[[bool], list[int]]) -> dict[str, Part]:
    """V, f and the cross-attention sublayers of one flow.

    Args:
        site_widths: channels at each site of the flow's network, told whether every level has one.
    """
    every_level = size != "paper"
    vector = flow.name == TEXT
    channels = sum(group.channels for group in flow.groups)
    context: Part = {"dim": preset.guidance_dim, "width": preset.context_width}
    if vector:
        context |= {"class": "FlatContextEncoder", "latent_dim": channels}
    else:
        context |= {"class": "ContextEncoder", "latent_channels": channels, "tokens_grid": preset.grid}
        context |= {"strides": _strides(flow, preset.grid)}
    return {
        f"context_{flow.name}": context,
        f"adaptive_{flow.name}": {
            "class": "AdaptiveParameters",
            "dim_in": preset.dim,
            "dim_out": preset.guidance_dim,
        },
        f"layers_{flow.name}": {
            "class": "GuidanceLayers",
            "widths": site_widths(every_level),
            "context_dim": preset.guidance_dim,
            "heads": preset.heads,
            "every_level": every_level,
        },
    }


def _strides(flow: FlowConfig, grid: tuple[int, int] | None) -> list[int]:
    """CoDi's two halvings for one token; else only those that leave the latent as fine as the grid."""
    if grid is None or flow.pixels is None:
        return [2, 2]
    room = flow.pixels[1] // DOWNSAMPLING // grid[0]
    return [2 if room >= 2 else 1, 2 if room >= 4 else 1]


def _flow(network: Part, groups: Sequence[int], spatial_dims: int, process: ProcessConfig) -> Part:
    return {
        "class": "LatentFlow",
        "diffuser": network,
        "groups": list(groups),
        "parametrisation": process.parametrisation,
        "spatial_dims": spatial_dims,
    }
