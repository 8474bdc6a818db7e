"""From a stage to an objective, its data and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from monai.networks.nets import PatchDiscriminator
from peft import PeftModel
from torch import nn
from transformers import T5Tokenizer

from synthmed.autoencoding.objective import AutoencoderObjective
from synthmed.autoencoding.perceptual import PerceptualDistance
from synthmed.autoencoding.squeezenet import load_squeezenet
from synthmed.medart.config import Config
from synthmed.medart.hldf.colour import ColourStep
from synthmed.medart.hldf.objective import MedArtObjective
from synthmed.medart.lora import adapter_parameters
from synthmed.medart.parts import network
from synthmed.medart.tokenizer import encode
from synthmed.medart.training.datasets import collate_captioned, collate_images
from synthmed.medart.training.features import Features
from synthmed.medart.training.pictures import show_drawn, show_reconstructions
from synthmed.medart.training.stages import AdaptStage, AutoencoderStage, BaseStage, Stage
from synthmed.runs.prepared import Prepared
from synthmed.training.tensor_table import TensorTable, as_it_is


@dataclass(frozen=True)
class Bench:
    """What the stages of one run share.

    Attributes:
        config: the model's.
        parts: the networks, which the stages change.
        tokenizer: the model's.
        features: by split, with its rows.
        seed: of the auxiliary networks.
    """

    config: Config
    parts: nn.ModuleDict
    tokenizer: T5Tokenizer
    features: Mapping[str, Features]
    seed: int


def prepare(bench: Bench, stage: Stage) -> Prepared:
    """The stage, ready to be trained; latents that it needs and that are not cached are computed now.

    Raises:
        UserError: the perceptual weights, or an image, cannot be read.
    """
    bench.parts.requires_grad_(False)
    if isinstance(stage, AutoencoderStage):
        return _autoencoder(bench, stage)
    if isinstance(stage, BaseStage):
        for name in ("transformer", "text_encoder"):
            bench.parts[name].requires_grad_(True)
        return _diffusion(bench, stage, ColourStep(every=0))
    for part in bench.parts.values():
        if isinstance(part, PeftModel):
            for parameter in adapter_parameters(part):
                parameter.requires_grad_(True)
    return _diffusion(bench, stage, stage.colour.make())


def _autoencoder(bench: Bench, stage: AutoencoderStage) -> Prepared:
    vae: Any = bench.parts["vae"]
    distance = None if stage.perceptual == "none" else PerceptualDistance(load_squeezenet(stage.perceptual))
    critic = None
    if stage.adversarial:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(bench.seed)
            critic = PatchDiscriminator(
                spatial_dims=2, channels=32, in_channels=vae.config["in_channels"], out_channels=1, num_layers_d=2
            )
    objective = AutoencoderObjective(
        vae, stage.kl_weight, distance, stage.perceptual_weight, critic, stage.adversarial_weight
    )
    datasets = {split: features.rows for split, features in bench.features.items()}
    return Prepared(
        objective,
        datasets,
        collate_images,
        partial(show_reconstructions, vae, bench.features.get("val", bench.features["train"])),
        networks=() if distance is None else ("SqueezeNet 1.0 (ImageNet)",),
    )


def _diffusion(bench: Bench, stage: BaseStage | AdaptStage, colour: ColourStep) -> Prepared:
    transformer: Any = network(bench.parts["transformer"])
    if stage.block_checkpointing:
        transformer.enable_gradient_checkpointing()
    length = bench.config.text_length
    objective = MedArtObjective(
        bench.parts["transformer"],
        bench.parts["text_encoder"],
        bench.parts["vae"],
        bench.config.scheduler.make(),
        *encode(bench.tokenizer, [""], length),
        colour,
        stage.drop,
    )
    shown = partial(
        show_drawn, bench.config, bench.parts, bench.tokenizer, bench.features.get("val", bench.features["train"])
    )
    if not stage.cached:
        collate = partial(collate_captioned, tokenizer=bench.tokenizer, length=length)
        return Prepared(objective, {split: some.rows for split, some in bench.features.items()}, collate, shown)
    tables = {split: _table(bench, features) for split, features in bench.features.items()}
    return Prepared(objective, tables, as_it_is, shown)


def _table(bench: Bench, features: Features) -> TensorTable:
    n = len(features.rows)
    captions = [features.rows.caption(index) for index in range(n)]
    ids, mask = encode(bench.tokenizer, captions, bench.config.text_length)
    return TensorTable({**features.posteriors(bench.parts["vae"]), "ids": ids, "mask": mask}, n)
