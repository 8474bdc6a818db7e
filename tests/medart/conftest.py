"""A tiny PixArt pipeline as diffusers saves it, and a model of it whose adapters act as if they were trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, PixArtAlphaPipeline, PixArtTransformer2DModel
from medart.tiny_model import CAPTIONS, SIDE, disturb
from transformers import T5Config, T5EncoderModel

from synthmed.medart.model import MedArt
from synthmed.medart.tokenizer import train_tokenizer


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written by diffusers alone, but for the tokenizer's pieces."""
    tokenizer = train_tokenizer(CAPTIONS, 200)
    torch.manual_seed(0)
    text = T5Config(
        vocab_size=200, d_model=12, d_kv=4, d_ff=16, num_layers=2, num_heads=3, feed_forward_proj="gated-gelu"
    )
    transformer = PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=2,
        cross_attention_dim=16,
        sample_size=SIDE // 2,
        caption_channels=12,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        scaling_factor=0.7,
    )
    folder = tmp_path_factory.mktemp("pipeline")
    PixArtAlphaPipeline(
        tokenizer=tokenizer,
        text_encoder=T5EncoderModel(text),
        vae=vae,
        transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(),
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def model(pipeline: Path) -> MedArt:
    """Two labels; four steps."""
    made = MedArt.from_pipeline(
        pipeline,
        text_length=24,
        labels=("melanoma", "nevus"),
        sampler={"steps": 4},
        prompts={"templates": {"*": "A photograph of {labels}."}, "sets": [(("nevus",), 3.0), ((), 1.0)]},
    )
    disturb(made)
    # What the model is called depends on its weights.
    return MedArt(made.config, made.parts, made.tokenizer)


@pytest.fixture(scope="session")
def folder(model: MedArt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model, saved."""
    place = tmp_path_factory.mktemp("model")
    model.save_pretrained(place)
    return place
