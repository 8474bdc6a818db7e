"""From a planned stage to an objective, its data and its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from accelerate.utils import send_to_device
from torch import nn

from synthmed.medm2g.training.bench import Bench, Prepared
from synthmed.medm2g.training.order import Planned
from synthmed.medm2g.training.prepare_alignment import prepare_alignment
from synthmed.medm2g.training.prepare_autoencoders import prepare_images, prepare_masks, prepare_reports
from synthmed.medm2g.training.prepare_flows import prepare_flow, prepare_round
from synthmed.medm2g.training.rows import Rows
from synthmed.medm2g.training.stages import (
    AlignmentStage,
    AutoencoderStage,
    FlowStage,
    MaskAutoencoderStage,
    RoundStage,
    TextAutoencoderStage,
)
from synthmed.training.batches import SeededItems, randomizables
from synthmed.training.distributed import processes
from synthmed.training.randomness import Stream, derive
from synthmed.training.settings import Settings

_VALIDATED = 512
"""Items of the validation split that a validation loss is taken over."""

_PREPARE: dict[type, Callable[..., Prepared]] = {
    AutoencoderStage: prepare_images,
    MaskAutoencoderStage: prepare_masks,
    TextAutoencoderStage: prepare_reports,
    AlignmentStage: prepare_alignment,
    FlowStage: prepare_flow,
    RoundStage: prepare_round,
}


def prepare(bench: Bench, planned: Planned, parts: nn.ModuleDict) -> Prepared:
    """The stage, ready to be trained; features that it needs and that are not cached are computed now.

    Args:
        parts: those that it trains or takes, and ``encoder_text``.

    Raises:
        UserError: the data have nothing for it, or hold what the model does not take.
    """
    return _PREPARE[type(planned.stage)](bench, planned, planned.stage, parts)


def count_items(planned: Planned, rows: Rows) -> int:
    """Items that a stage trains on in these rows."""
    stage, config = planned.stage, rows.config
    if isinstance(stage, TextAutoencoderStage):
        return sum(rows.has(index, "report") for index in range(len(rows)))
    if isinstance(stage, AlignmentStage):
        return len(rows.with_all(*stage.pair))
    if isinstance(stage, AutoencoderStage | MaskAutoencoderStage):
        groups = [group for flow in config.flows for group in flow.groups if group.autoencoder == planned.trains[0]]
        return sum(len(rows.with_field(group.field)) for group in groups)
    names = stage.pair if isinstance(stage, RoundStage) else (stage.modality,)
    fields = [config.flow(name).fields for name in names]
    return sum(all(any(rows.has(index, field) for field in own) for own in fields) for index in range(len(rows)))


def make_validation(ready: Prepared, settings: Settings) -> Callable[[], Mapping[str, float]] | None:
    """The objective's losses on the validation split, with the same noise each time; None without such a split."""
    dataset: Any = ready.datasets.get("val")
    if dataset is None:
        return None
    items = SeededItems(dataset, settings.seed, tuple(randomizables(dataset)))
    n = min(len(dataset), _VALIDATED)
    if ready.alone:
        # A loss between the rows of a batch is another quantity in a shorter one, and none in a batch of one.
        n -= n % settings.batch_size if n > settings.batch_size else 0
        if n < 2:
            return None

    def validate() -> Mapping[str, float]:
        if ready.alone and processes() > 1:
            return {}
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
