"""The networks of Med-Art, small enough for float64 on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, PixArtTransformer2DModel
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import T5Config, T5EncoderModel

VOCABULARY, LENGTH, PAD, EOS = 32, 6, 0, 1
DIT_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "proj", "linear", "linear_1", "linear_2", "ff.net.0.proj"]
T5_TARGETS = ["q", "k", "v", "o", "wo"]


def transformer(**changes: Any) -> PixArtTransformer2DModel:
    """4 channels of 4 × 4 in, 8 out; captions of 12 channels."""
    torch.manual_seed(0)
    values: dict[str, Any] = {
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "cross_attention_dim": 16,
        "caption_channels": 12,
        "num_layers": 2,
        "sample_size": 4,
    }
    return PixArtTransformer2DModel(**{**values, **changes}).eval()


def text_encoder(dropout: float = 0.0) -> T5EncoderModel:
    torch.manual_seed(1)
    config = T5Config(
        vocab_size=VOCABULARY,
        d_model=12,
        d_kv=6,
        d_ff=24,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        dropout_rate=dropout,
    )
    return T5EncoderModel(config).eval()


def vae() -> AutoencoderKL:
    """Images of 8 × 8 pixels; latents of 4 × 4."""
    torch.manual_seed(2)
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2}
    return AutoencoderKL(**blocks, block_out_channels=[8, 8], layers_per_block=1, norm_num_groups=4).eval()


def adapted(network: Any, targets: list[str], dtype: torch.dtype = torch.float32) -> PeftModel:
    """With LoRA of rank 2 by peft; neither of its two factors is zero, so that both have a gradient."""
    torch.manual_seed(3)
    config = LoraConfig(r=2, lora_alpha=2, target_modules=targets, init_lora_weights=False)
    return get_peft_model(network, config).to(dtype)


def scheduler() -> DPMSolverMultistepScheduler:
    """PixArt's: diffusers' defaults."""
    return DPMSolverMultistepScheduler()


def prompts(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask (n, 6) of captions of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, VOCABULARY, (n, LENGTH), generator=generator)
    mask = torch.ones(n, LENGTH, dtype=torch.int64)
    for row in range(n):
        length = 3 + row % 3
        ids[row, length - 1], ids[row, length:], mask[row, length:] = EOS, PAD, 0
    return ids, mask


def empty() -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask (1, 6) of the empty prompt."""
    ids, mask = torch.full((1, LENGTH), PAD), torch.zeros(1, LENGTH, dtype=torch.int64)
    ids[0, 0], mask[0, 0] = EOS, 1
    return ids, mask
