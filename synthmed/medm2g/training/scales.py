"""Latent scales from data: flows see latents of mean 0 and deviation 1."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from torch import nn

from synthmed.medm2g.config import Config, Group
from synthmed.medm2g.training.features import Features

MOST_ROWS = 2000


def scaled_config(
    config: Config, features: Features, network: Callable[[str], nn.Module], kept: Mapping[str, Group] | None = None
) -> Config:
    """The config with each group's shift and scale on the first training rows that have it, 2,000 at most.

    Args:
        network: a trained autoencoder by its part's name.
        kept: groups by field that have theirs; see `kept_groups`.
    """
    kept = kept or {}
    flows = []
    for flow in config.flows:
        groups = []
        for group in flow.groups:
            if group.field in kept:
                own = kept[group.field]
                groups.append(group.model_copy(update={"shift": own.shift, "scale": own.scale}))
                continue
            found = features.posteriors(flow, group, network(group.autoencoder), MOST_ROWS)
            present = found["present"]
            groups.append(scaled_group(group, found["mean"][present], found["logvar"][present]))
        flows.append(flow.model_copy(update={"groups": tuple(groups)}))
    return config.model_copy(update={"flows": tuple(flows)})


def kept_groups(start: Config, taken: Collection[str], trained: Collection[str]) -> dict[str, Group]:
    """The groups of a model to start from whose flow knows latents at their scale: another would be another input.

    Args:
        start: that model.
        taken: the parts that are taken from it.
        trained: the parts that the run changes. An autoencoder among them makes other latents, which are scaled anew.
    """
    return {
        group.field: group
        for flow in start.flows
        for group in flow.groups
        if {f"flow_{flow.name}", group.autoencoder} <= set(taken) and group.autoencoder not in trained
    }


def scaled_group(group: Group, mean: torch.Tensor, logvar: torch.Tensor) -> Group:
    """With the mean of the latents, and one over the deviation of draws from their posteriors.

    The variance of a draw is that of the means plus the mean of the variances. Without a row, as it was.
    """
    if not len(mean):
        return group
    values = mean.double()
    variance = values.var(unbiased=False) + logvar.double().exp().mean()
    # Rounded, so that the last bits of a sum do not count as another model.
    shift, deviation = float(values.mean()), max(float(variance) ** 0.5, 1e-6)
    return group.model_copy(update={"shift": round(shift, 6), "scale": float(f"{1 / deviation:.6g}")})
