"""What the visual invariant takes beside the encoders: projectors, and views of the images."""

from __future__ import annotations

from functools import partial

from torch import nn

from synthmed.data.pipeline import build_pipeline
from synthmed.data.transforms.views import TwoViewsd
from synthmed.medm2g.sizes import Size, projector_widths
from synthmed.medm2g.training.bench import Bench, seeded
from synthmed.medm2g.training.stages import AlignmentStage, FlowStage
from synthmed.models.projector import Projector


def make_projector(bench: Bench, stage: AlignmentStage | FlowStage, place: int) -> nn.Module:
    """A new projector from the prompt space, of the stage's widths or the size's.

    Args:
        place: 0 or 1, the stage's first encoder or its second.
    """
    size: Size = bench.config.size  # type: ignore[assignment]  # of the presets, by the recipe
    first, *rest = projector_widths(size)
    widths = [first, *(stage.projector or rest)]
    return seeded(partial(Projector, widths), bench.seed * 2 + place)


def make_views(bench: Bench, stage: AlignmentStage | FlowStage, modality: str, where: str) -> TwoViewsd:
    """The random transform of a modality's two views.

    Args:
        where: the stage's name, for error messages.

    Raises:
        UserError: the stage's ``views`` cannot be built.
    """
    own = build_pipeline(stage.views, where=f"stage {where}: views", trust=bench.trust) if stage.views else None
    return TwoViewsd([modality], own)
