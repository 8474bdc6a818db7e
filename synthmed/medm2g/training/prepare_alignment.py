"""The stages that align prompt encoders."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from torch import nn

from synthmed.errors import UserError
from synthmed.medm2g.config import TEXT
from synthmed.medm2g.objectives.alignment import AlignmentObjective
from synthmed.medm2g.training.bench import Bench
from synthmed.medm2g.training.datasets import PairItems, collate
from synthmed.medm2g.training.invariant import make_projector, make_views
from synthmed.medm2g.training.order import Planned
from synthmed.medm2g.training.stages import AlignmentStage
from synthmed.runs.prepared import Prepared


def prepare_alignment(bench: Bench, planned: Planned, stage: AlignmentStage, parts: nn.ModuleDict) -> Prepared:
    """`AlignmentObjective` on the rows that have both members; two views of each image whose encoder is trained.

    Raises:
        UserError: the stage's views cannot be built, or the text encoder cannot begin with the autoencoder's weights.
    """
    if stage.text_start == "autoencoder":
        text, autoencoder = cast(Any, parts["encoder_text"]), cast(Any, parts["autoencoder_text"])
        try:
            text.begin_from(autoencoder.bert)
        except (AttributeError, ValueError) as error:
            raise UserError(f"stage {planned.name}: text_start: autoencoder: {error}") from None
    sides = dict(zip("ab", stage.pair, strict=True))
    trained = [side for side, name in sides.items() if f"encoder_{name}" in planned.trains]
    seen = [side for side in trained if sides[side] != TEXT] if stage.invariant else []
    projectors = {side: make_projector(bench, stage, "ab".index(side)) for side in seen}
    objective = AlignmentObjective(
        parts[f"encoder_{sides['a']}"],
        parts[f"encoder_{sides['b']}"],
        trained,
        projectors.get("a"),
        projectors.get("b"),
        stage.invariant_weight,
        stage.off_diagonal,
    )
    datasets = {}
    for split, rows in bench.rows.items():
        views = {side: make_views(bench, stage, sides[side], planned.name) for side in seen}
        items = PairItems(rows, stage.pair, stage.label_prompts, views)
        if len(items):
            datasets[split] = items
    together = partial(collate, tokenizer=bench.tokenizers.prompt, length=bench.config.text_length)
    return Prepared(objective, datasets, together, parts={name: parts[name] for name in planned.trains}, alone=True)
