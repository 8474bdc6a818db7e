"""The stages that train flows, alone and in pairs."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from synthmed.errors import UserError
from synthmed.medm2g.config import TEXT
from synthmed.medm2g.objectives.flow import FlowObjective, Invariant
from synthmed.medm2g.objectives.guided import Guided
from synthmed.medm2g.objectives.round import RoundObjective
from synthmed.medm2g.tokenizer import encode
from synthmed.medm2g.training.bench import Bench
from synthmed.medm2g.training.datasets import RawPromptItems, collate
from synthmed.medm2g.training.flow_pictures import flow_pictures
from synthmed.medm2g.training.fresh_null import FreshNull
from synthmed.medm2g.training.invariant import make_projector, make_views
from synthmed.medm2g.training.order import LABELS, Planned, encoder_of
from synthmed.medm2g.training.stages import FlowStage, RoundStage
from synthmed.medm2g.training.tables import flow_tree, side_tree
from synthmed.runs.prepared import Prepared
from synthmed.training.tensor_table import TensorTable, as_it_is


def prepare_flow(bench: Bench, planned: Planned, stage: FlowStage, parts: nn.ModuleDict) -> Prepared:
    """`FlowObjective` on the latents of the rows that have the modality; two views of each image under ``invariant``.

    Raises:
        UserError: another number of given probabilities than groups, or the stage's views cannot be built.
    """
    config, flow = bench.config, bench.config.flow(stage.modality)
    prompts = planned.conditions[stage.modality]
    ready = stage.central or not prompts
    seen = viewed(planned) if stage.invariant else ()
    datasets: dict[str, Any] = {}
    for split, rows in bench.rows.items():
        indices = [index for index in range(len(rows)) if any(rows.has(index, field) for field in flow.fields)]
        if not indices:
            continue
        # Without central alignment the encoders change from step to step: only which conditions exist is ready.
        conditions = prompts if ready else ()
        tree = flow_tree(config, bench.features[split], parts, flow, conditions, indices)
        datasets[split] = TensorTable(tree, len(indices))
        if not ready:
            kinds = [[name in rows.kinds(index) for name in prompts] for index in indices]
            table = TensorTable({**tree, "has": torch.tensor(kinds)}, len(indices))
            views = {name: make_views(bench, stage, name, planned.name) for name in seen}
            datasets[split] = RawPromptItems(table, rows, indices, prompts, stage.modality, views)
    network: Any = parts[f"flow_{stage.modality}"]
    process = config.process.make()
    null = bench.features["train"].null(parts["encoder_text"])
    given = stage.given_probability if len(flow.groups) > 1 else 0.0
    if isinstance(given, tuple) and len(given) != len(flow.groups):
        raise UserError(f"stage {planned.name}: {len(given)} given_probability for groups {', '.join(flow.fields)}")
    changed = {name: parts[name] for name in planned.trains}
    if ready:
        objective = FlowObjective(network, process, null, stage.drop, given)
        return Prepared(objective, datasets, as_it_is, flow_pictures(bench, parts, [stage.modality]), changed)
    encoders = {condition: parts[encoder_of(condition)] for condition in prompts}
    projectors = {name: make_projector(bench, stage, place) for place, name in enumerate(seen)}
    invariant = Invariant(projectors, stage.invariant_weight, stage.off_diagonal) if seen else None
    objective = FlowObjective(network, process, null, stage.drop, given, encoders, invariant)
    for name, part in parts.items():
        if name not in planned.trains:
            part.requires_grad_(False)
    together = partial(collate, tokenizer=bench.tokenizers.prompt, length=config.text_length)
    wrapped: nn.Module = objective
    if "encoder_text" in planned.trains:
        wrapped = FreshNull(objective, parts["encoder_text"], encode(bench.tokenizers.prompt, [""], config.text_length))
    pictures = flow_pictures(bench, parts, [stage.modality])
    return Prepared(wrapped, datasets, together, pictures, changed, alone=bool(seen))


def viewed(planned: Planned) -> tuple[str, ...]:
    """The images among a flow's conditions whose encoders it trains."""
    prompts = [name for of_flow in planned.conditions.values() for name in of_flow]
    images = [name for name in prompts if name not in (TEXT, LABELS)]
    return tuple(name for name in images if encoder_of(name) in planned.trains)


def prepare_round(bench: Bench, planned: Planned, stage: RoundStage, parts: nn.ModuleDict) -> Prepared:
    """`RoundObjective` on the latents of the rows that have both modalities."""
    config = bench.config
    sides = dict(zip("ab", stage.pair, strict=True))
    datasets = {}
    for split, rows in bench.rows.items():
        indices = [
            index
            for index in range(len(rows))
            if all(any(rows.has(index, field) for field in config.flow(name).fields) for name in stage.pair)
        ]
        if indices:
            features = bench.features[split]
            tree = {
                side: side_tree(config, features, parts, config.flow(name), planned.conditions[name], indices)
                for side, name in sides.items()
            }
            datasets[split] = TensorTable(tree, len(indices))
    null = bench.features["train"].null(parts["encoder_text"])
    a, b = (_guided(parts, name) for name in stage.pair)
    objective = RoundObjective(
        a,
        b,
        process=config.process.make(),
        null=null,
        drop=stage.drop,
        unknown=stage.unknown,
        clean_probability=stage.clean_probability,
        earlier_probability=stage.earlier_probability,
        train=[side for side, name in sides.items() if f"context_{name}" in planned.trains],
        env_contrastive=stage.env_contrastive,
    )
    changed = {name: parts[name] for name in planned.trains}
    pictures = flow_pictures(bench, parts, stage.pair)
    # The contrast is over the items of all processes, which a validation in one of them would wait for.
    return Prepared(objective, datasets, as_it_is, pictures, changed, alone=bool(stage.env_contrastive))


def _guided(parts: nn.ModuleDict, name: str) -> Guided:
    flow: Any = parts[f"flow_{name}"]
    layers: Any = parts[f"layers_{name}"]
    adaptive: Any = parts[f"adaptive_{name}"]
    return Guided(flow, layers, parts[f"context_{name}"], adaptive)
