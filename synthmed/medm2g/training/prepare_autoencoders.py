"""The stages that train autoencoders of images, label maps and reports."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from monai.networks.nets import PatchDiscriminator
from torch import nn
from torch.utils.data import Dataset

from synthmed.autoencoding.objective import AutoencoderObjective, MaskObjective
from synthmed.autoencoding.perceptual import PerceptualDistance
from synthmed.autoencoding.squeezenet import load_squeezenet
from synthmed.errors import UserError
from synthmed.medm2g.losses.beta import CyclicBeta
from synthmed.medm2g.objectives.text_vae import TextVaeObjective
from synthmed.medm2g.training.bench import Bench, seeded
from synthmed.medm2g.training.datasets import FieldItems, Reports, collate, collate_reports
from synthmed.medm2g.training.order import Planned
from synthmed.medm2g.training.pictures import show_images, show_masks, show_reports
from synthmed.medm2g.training.stages import AutoencoderStage, MaskAutoencoderStage, TextAutoencoderStage
from synthmed.runs.prepared import Prepared


def prepare_images(bench: Bench, planned: Planned, stage: AutoencoderStage, parts: nn.ModuleDict) -> Prepared:
    """`AutoencoderObjective` on all images that the part encodes.

    Raises:
        UserError: no training row has one, or the perceptual weights cannot be read.
    """
    (part,) = planned.trains
    fields = [group.field for flow in bench.config.images() for group in flow.groups if group.autoencoder == part]
    datasets = _datasets(
        bench, planned, {split: FieldItems(rows, fields, "image") for split, rows in bench.rows.items()}
    )
    channels = next(flow.pixels for flow in bench.config.images() if flow.pixels and fields[0] in flow.fields)[0]
    distance = None if stage.perceptual == "none" else PerceptualDistance(load_squeezenet(stage.perceptual))
    critic = None
    if stage.adversarial:
        make = partial(
            PatchDiscriminator, spatial_dims=2, channels=32, in_channels=channels, out_channels=1, num_layers_d=2
        )
        critic = seeded(make, bench.seed)
    objective = AutoencoderObjective(
        parts[part], stage.kl_weight, distance, stage.perceptual_weight, critic, stage.adversarial_weight
    )
    return Prepared(
        objective,
        datasets,
        _collate(bench),
        partial(show_images, parts[part], datasets.get("val", datasets["train"])),
        {part: parts[part]},
        networks=() if distance is None else ("SqueezeNet 1.0 (ImageNet)",),
    )


def prepare_masks(bench: Bench, planned: Planned, stage: MaskAutoencoderStage, parts: nn.ModuleDict) -> Prepared:
    """`MaskObjective` on all label maps of a modality.

    Raises:
        UserError: no training row has one.
    """
    (part,) = planned.trains
    flow = bench.config.flow(stage.name)
    fields = [group.field for group in flow.groups if group.autoencoder == part]
    datasets = _datasets(
        bench, planned, {split: FieldItems(rows, fields, "mask") for split, rows in bench.rows.items()}
    )
    classes = len(flow.mask_names) + 1
    objective = MaskObjective(parts[part], classes, stage.kl_weight)
    show = partial(show_masks, parts[part], datasets.get("val", datasets["train"]), classes)
    return Prepared(objective, datasets, _collate(bench), show, {part: parts[part]})


def prepare_reports(bench: Bench, planned: Planned, stage: TextAutoencoderStage, parts: nn.ModuleDict) -> Prepared:
    """`TextVaeObjective` on all reports.

    Raises:
        UserError: no training row has a text.
    """
    (part,) = planned.trains
    datasets = _datasets(bench, planned, {split: Reports(rows) for split, rows in bench.rows.items()})
    unknown = bench.tokenizers.decoder.unk_token_id
    optimus: Any = parts[part]
    objective = TextVaeObjective(
        optimus,
        CyclicBeta(stage.training.steps * stage.training.accumulate, stage.cycles, stage.top),
        stage.free_bits,
        stage.length_weighted,
        stage.word_dropout,
        None if unknown is None else int(unknown),
    )
    length = bench.config.text_length
    together = partial(collate_reports, tokenizers=bench.tokenizers, length=length)
    show = partial(show_reports, optimus, datasets.get("val", datasets["train"]), bench.tokenizers, length)
    return Prepared(objective, datasets, together, show, {part: parts[part]})


def _datasets(bench: Bench, planned: Planned, found: Mapping[str, Any]) -> dict[str, Dataset[Any]]:
    if not len(found["train"]):
        raise UserError(f"stage {planned.name}: no training record has anything for {planned.trains[0]}")
    return {split: dataset for split, dataset in found.items() if len(dataset)}


def _collate(bench: Bench) -> Any:
    return partial(collate, tokenizer=bench.tokenizers.prompt, length=bench.config.text_length)
