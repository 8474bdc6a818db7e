"""Versatile Diffusion's fully connected UNet, for latents that are one vector, such as a text's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import nn

from synthmed.models.flat_blocks import FlatDown, FlatMiddle, FlatPlan, FlatUp


class FlatUNet(ModelMixin, ConfigMixin):
    """The text diffuser of Versatile Diffusion (Xu et al., ICCV 2023) and CoDi: a UNet whose convolutions are linear.

    A latent (B, D) is mapped to C channels of S rows. Blocks are those of `flat_blocks`; transformers attend over the
    S rows and to the context. The defaults are Versatile Diffusion's (1,708,848,448 parameters); `versatile_config` and
    `versatile_weights` turn its folders into these.

    Args:
        latent_dim: D.
        second_dim: S.
        channels: channels of each level, from the outermost.
        layers_per_block: blocks a level in the encoder half; one more in the decoder half.
        cross_attention_dim: width of the context's tokens.
        heads: of every attention; divides the channels of the levels with attention.
        attention_levels: the levels with transformers; the middle always has one.
        norm_groups: of every norm; divides all channels.
        dropout: of the blocks.
    """

    # The transformers' part; what the linear layers keep is small beside their weights.
    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(
        self,
        latent_dim: int = 768,
        second_dim: int = 4,
        channels: Sequence[int] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        cross_attention_dim: int = 768,
        heads: int = 8,
        attention_levels: Sequence[int] = (0, 1, 2),
        norm_groups: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        first, time_dim = channels[0], 4 * channels[0]
        plan = FlatPlan(second_dim, time_dim, cross_attention_dim, heads, norm_groups, dropout)
        self.time_proj = Timesteps(first, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(first, time_dim)
        self.conv_in = nn.Linear(latent_dim, first * second_dim)
        self.down_blocks = nn.ModuleList()
        self.up_blocks = nn.ModuleList()
        skips = [first]
        top = len(channels) - 1
        for level, width in enumerate(channels):
            ins = [skips[-1], *[width] * (layers_per_block - 1)]
            last = level == top
            self.down_blocks.append(FlatDown(plan, ins, width, attention=level in attention_levels, last=last))
            skips += [width] * (layers_per_block + (not last))
        self.mid_block = FlatMiddle(plan, channels[-1])
        before = channels[-1]
        for level in range(top, -1, -1):
            width = channels[level]
            hidden = [before, *[width] * layers_per_block]
            ins = [size + skips.pop() for size in hidden]
            last = level == 0
            self.up_blocks.append(FlatUp(plan, ins, width, attention=level in attention_levels, last=last))
            before = width
        self.conv_norm_out = nn.GroupNorm(norm_groups, first, eps=1e-5)
        self.conv_out = nn.Linear(first * second_dim, latent_dim)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor | float,
        encoder_hidden_states: torch.Tensor,
        return_dict: bool = True,
    ) -> UNet2DConditionOutput | tuple[torch.Tensor]:
        """The prediction for noisy latents, as ``.sample`` (B, D).

        Args:
            sample: z_t (B, D).
            timestep: (B,) or one for all, in [0, 1000) as `UNet2DConditionModel`'s; fractions are legal.
            encoder_hidden_states: context (B, T, cross_attention_dim).
            return_dict: False for a tuple.
        """
        times = torch.as_tensor(timestep, device=sample.device).reshape(-1).expand(len(sample))
        time = self.time_embedding(self.time_proj(times).to(sample.dtype))
        hidden = self.conv_in(sample).reshape(len(sample), -1, self.config["second_dim"], 1)
        skips = [hidden]
        for down in self.down_blocks:
            skips += down(skips[-1], time, encoder_hidden_states)
        hidden = self.mid_block(skips[-1], time, encoder_hidden_states)
        for up in self.up_blocks:
            hidden = up(hidden, time, encoder_hidden_states, skips)
        hidden = nn.functional.silu(self.conv_norm_out(hidden))
        prediction = self.conv_out(hidden.flatten(1))
        return UNet2DConditionOutput(sample=prediction) if return_dict else (prediction,)


def versatile_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the `FlatUNet` that a Versatile Diffusion ``text_unet`` folder describes.

    Args:
        config: the folder's ``config.json``, of diffusers' `UNetFlatConditionModel`; what it leaves out has its
            defaults.

    Raises:
        ValueError: an entry asks for what `FlatUNet` does not have; names the entry.
    """
    for key, only in _FIXED.items():
        if config.get(key, only) != only:
            raise ValueError(f"{key} = {config[key]!r}: this UNet has {only!r} only")
    down = list(config.get("down_block_types", (*["CrossAttnDownBlockFlat"] * 3, "DownBlockFlat")))
    up = list(config.get("up_block_types", ("UpBlockFlat", *["CrossAttnUpBlockFlat"] * 3)))
    if up != [kind.replace("Down", "Up") for kind in reversed(down)]:
        raise ValueError(f"up_block_types = {up}: not the mirror of down_block_types = {down}")
    # An integer stands for that many channels of 4 × 1.
    sizes = [config.get(key, 4) for key in ("in_channels", "out_channels")]
    latent, out = (size * 4 if isinstance(size, int) else math.prod(size) for size in sizes)
    if latent != out:
        raise ValueError(f"out_channels = {sizes[1]}: this UNet's output has the size of its input, {sizes[0]}")
    return {
        "latent_dim": latent,
        "channels": tuple(config.get("block_out_channels", (320, 640, 1280, 1280))),
        "layers_per_block": config.get("layers_per_block", 2),
        "cross_attention_dim": config.get("cross_attention_dim", 1280),
        "heads": config.get("attention_head_dim", 8),  # diffusers' misnomer: the number of heads
        "attention_levels": tuple(i for i, kind in enumerate(down) if kind == "CrossAttnDownBlockFlat"),
        "norm_groups": config.get("norm_num_groups", 32),
        "dropout": config.get("dropout", 0.0),
    }


def versatile_weights(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state of a `FlatUNet` from that of diffusers' `UNetFlatConditionModel`: the same names and numbers.

    The latter's blocks are 1 × 1 convolutions, whose (out, in, 1, 1) becomes a linear layer's (out, in).
    """
    return {
        name: weight.flatten(1) if ".resnets." in name and weight.ndim == 4 else weight
        for name, weight in weights.items()
    }


_FIXED: dict[str, Any] = {
    "act_fn": "silu",
    "center_input_sample": False,
    "class_embed_type": None,
    "dual_cross_attention": False,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "mid_block_type": "UNetMidBlockFlatCrossAttn",
    "norm_eps": 1e-5,
    "only_cross_attention": False,
    "transformer_layers_per_block": 1,
    "use_linear_projection": False,
}
"""Entries of `UNetFlatConditionModel` that change the computation, and the value that `FlatUNet` computes with."""
