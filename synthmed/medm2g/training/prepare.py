"""From a planned stage to an objective, its data and its pictures."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from synthmed.medm2g.training.bench import Bench
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
from synthmed.runs.prepared import Prepared

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
