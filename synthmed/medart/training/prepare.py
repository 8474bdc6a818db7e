"""From a stage to an objective, its data and its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from accelerate.utils import send_to_device
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
from synthmed.medart.training.datasets import TensorTable, as_it_is, collate_captioned, collate_images
from synthmed.medart.training.features import Features
from synthmed.medart.training.pictures import show_drawn, show_reconstructions
from synthmed.medart.training.stages import AdaptStage, AutoencoderStage, BaseStage, Stage
from synthmed.training.batches import SeededItems, randomizables
from synthmed.training.log import Picture
from synthmed.training.randomness import Stream, derive
from synthmed.training.settings import Settings

_VALIDATED = 512
"""Items of the validation split that a validation loss is taken over."""
_NO_COLOUR_STEP = -1


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


@dataclass(frozen=True)
class Prepared:
    """A stage, ready for `synthmed.training.loop.train`.

    Attributes:
        objective: an `Objective`.
        datasets: by split.
        collate: items to a batch.
        pictures: what to show on the way.
        networks: outside networks that teach, for the model's card.
    """

    objective: Any
    datasets: Mapping[str, Any]
    collate: Callable[[Any], Any]
    pictures: Callable[[], Mapping[str, Picture]]
    networks: tuple[str, ...] = ()


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


def make_validation(ready: Prepared, settings: Settings) -> Callable[[], Mapping[str, float]] | None:
    """The objective's losses on the validation split, with the same noise and times each time; None without one.

    No colour loss is among them, which costs a whole trajectory.
    """
    dataset = ready.datasets.get("val")
    if dataset is None:
        return None
    items = SeededItems(dataset, settings.seed, tuple(randomizables(dataset)))
    n = min(len(dataset), _VALIDATED)

    def validate() -> Mapping[str, float]:
        if isinstance(ready.objective, MedArtObjective):
            ready.objective.begin_step(_NO_COLOUR_STEP)
        sums: dict[str, float] = {}
        device = next(ready.objective.parameters()).device
        for start in range(0, n, settings.batch_size):
            places = [(place, place) for place in range(start, min(start + settings.batch_size, n))]
            batch = send_to_device(ready.collate(items.__getitems__(places)), device)
            generator = torch.Generator(device).manual_seed(derive(settings.seed, Stream.EVALUATION, start))
            for name, value in ready.objective(batch, generator).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(places)
        return {name: value / n for name, value in sums.items()}

    return validate


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
        () if distance is None else ("SqueezeNet 1.0 (ImageNet)",),
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
