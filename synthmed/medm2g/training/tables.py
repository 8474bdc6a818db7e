"""Latents and prompt embeddings of chosen rows as the tables that flows and rounds train on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from synthmed.medm2g.config import Config, FlowConfig
from synthmed.medm2g.latents import scaled
from synthmed.medm2g.training.features import Features
from synthmed.medm2g.training.order import encoder_of
from synthmed.training.tensor_table import Tree


def flow_tree(
    config: Config,
    features: Features,
    parts: nn.ModuleDict,
    flow: FlowConfig,
    conditions: Sequence[str],
    indices: Sequence[int],
) -> Tree:
    """What `synthmed.medm2g.objectives.flow.FlowObjective` takes of these rows.

    Returns:
        ``mean`` and ``logvar`` (N, C, h, w) or (N, D) in the flow's units, zeros where a group is absent; ``present``
        (N, groups); ``conditions`` (N, K, 1, dim) and ``has`` (N, K), K at least 1.
    """
    where = torch.tensor(list(indices), dtype=torch.int64)
    means, logvars, present = [], [], []
    for group in flow.groups:
        found = features.posteriors(flow, group, parts[group.autoencoder])
        mean, logvar = scaled(found["mean"][where], found["logvar"][where], group)
        there = found["present"][where]
        spread = there.reshape(-1, *[1] * (mean.ndim - 1))
        means.append(torch.where(spread, mean, 0.0))
        logvars.append(torch.where(spread, logvar, 0.0))
        present.append(there)
    tree = {"mean": torch.cat(means, 1), "logvar": torch.cat(logvars, 1), "present": torch.stack(present, 1)}
    return tree | condition_tree(config, features, parts, flow, conditions, where)


def condition_tree(
    config: Config,
    features: Features,
    parts: nn.ModuleDict,
    flow: FlowConfig,
    conditions: Sequence[str],
    where: torch.Tensor,
) -> Tree:
    """``conditions`` and ``has`` of these rows, as prompts of the flow; one that no row has stands for none."""
    if not conditions:
        n = len(where)
        return {"conditions": torch.zeros(n, 1, 1, config.dim), "has": torch.zeros(n, 1, dtype=torch.bool)}
    found = [features.embeddings(condition, parts[encoder_of(condition)], flow.name) for condition in conditions]
    return {
        "conditions": torch.stack([tokens[where] for _, tokens in found], dim=1),
        "has": torch.stack([has[where] for has, _ in found], dim=1),
    }


def side_tree(
    config: Config,
    features: Features,
    parts: nn.ModuleDict,
    flow: FlowConfig,
    conditions: Sequence[str],
    indices: Sequence[int],
) -> Tree:
    """One side of a round: a flow's entries, with ``embedding`` (N, 1, dim) of C(x) and ``has_embedding`` (N,)."""
    where = torch.tensor(list(indices), dtype=torch.int64)
    has, tokens = features.embeddings(flow.name, parts[f"encoder_{flow.name}"])
    tree = flow_tree(config, features, parts, flow, conditions, indices)
    return tree | {"embedding": tokens[where], "has_embedding": has[where]}
