"""From prompts and noise to images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import T5Tokenizer

from synthmed.diffusion.noise import seeded_noise
from synthmed.medart.config import Config
from synthmed.medart.encode import encode_prompts
from synthmed.medart.hldf.guided import Guided
from synthmed.medart.hldf.trajectory import trajectory
from synthmed.medart.latents import decode, latent_shape
from synthmed.medart.tokenizer import encode


@torch.no_grad()
def draw(
    config: Config, parts: nn.ModuleDict, tokenizer: T5Tokenizer, prompts: Sequence[str], seeds: Sequence[int]
) -> torch.Tensor:
    """An image a prompt (B, C, H, W), about [-1, 1], as `PixArtAlphaPipeline` draws it from the same noise.

    Args:
        seeds: of the noise, one a prompt; image i depends on prompt i and seed i, but for rounding.
    """
    vae: Any = parts["vae"]
    text: Any = parts["text_encoder"]
    transformer: Any = parts["transformer"]
    # The networks' type, which adapters do not share.
    dtype = vae.dtype
    device = vae.device

    def embedded(texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        ids, mask = (tokens.to(device) for tokens in encode(tokenizer, texts, config.text_length))
        embeds, mask = encode_prompts(text, ids, mask)
        return embeds.to(dtype), mask

    guidance = config.sampler.guidance
    null, null_mask = embedded([""]) if guidance != 1 else (None, None)
    guided = Guided(transformer, *embedded(prompts), null, null_mask, guidance)
    noise = seeded_noise(seeds, latent_shape(vae, config.pixels), config.image).to(device)
    z = trajectory(lambda z, t: guided(z.to(dtype), t).float(), noise, config.scheduler.make(), config.sampler.steps)
    return decode(vae, z).float()
