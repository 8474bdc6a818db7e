"""Networks, batches and a run that are small enough for a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from helpers.digests import digest
from torch import nn

from synthmed.diffusion.process import Parametrisation
from synthmed.medm2g.objectives.guided import Guided
from synthmed.models.adaptive import AdaptiveParameters
from synthmed.models.context_encoder import ContextEncoder, FlatContextEncoder
from synthmed.models.flow import LatentFlow
from synthmed.models.guidance_layers import GuidanceLayers
from synthmed.training.loop import train
from synthmed.training.settings import Settings

DIM, GUIDE, VECTOR = 6, 8, 12
NULL = torch.full((1, 1, DIM), 0.1)


def image_flow(groups: tuple[int, ...] = (2,), parametrisation: Parametrisation = "eps", seed: int = 0) -> LatentFlow:
    channels = sum(groups) + (len(groups) if len(groups) > 1 else 0)
    network = {
        "class": "UNet2DConditionModel",
        "in_channels": channels,
        "out_channels": sum(groups),
        "block_out_channels": (8, 16),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "cross_attention_dim": DIM,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
        "dropout": 0.5,  # so that a frozen network in training mode is noticed
    }
    torch.manual_seed(seed)
    return LatentFlow(network, groups, parametrisation)


def vector_flow(seed: int = 0) -> LatentFlow:
    torch.manual_seed(seed)
    network = {
        "class": "FlatUNet",
        "latent_dim": VECTOR,
        "channels": (8, 16),
        "cross_attention_dim": DIM,
        "heads": 2,
        "norm_groups": 4,
        "layers_per_block": 1,
    }
    flow = LatentFlow(network, (VECTOR,), spatial_dims=0)
    nn.init.normal_(flow.network.conv_out.weight)  # a new one predicts 0 whatever its features
    return flow


def guided(flow: LatentFlow, seed: int = 0, *, adaptive: bool = True, free: bool = True, shake: bool = True) -> Guided:
    """A side whose guidance layers do something, unless they are left as they begin."""
    torch.manual_seed(seed + 100)
    layers = GuidanceLayers.for_network(flow.network, GUIDE, heads=2)
    layers.attach(flow.network)
    if shake:
        with torch.no_grad():
            for parameter in layers.parameters():
                parameter += 0.3 * torch.randn(parameter.shape)
    context: nn.Module
    if flow.config["spatial_dims"] == 0:
        context = FlatContextEncoder(VECTOR, GUIDE, width=4, second_dim=1, time_dim=8)
    else:
        context = ContextEncoder(sum(flow.config["groups"]), GUIDE, width=4, tokens_grid=(2, 2), time_dim=8)
    return Guided(flow, layers, context, AdaptiveParameters(DIM, GUIDE, 1, free) if adaptive else None)


def latents(shape: tuple[int, ...], groups: int = 1, conditions: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    """A batch for a flow: everything present, all conditions there, no spread around the mean."""
    generator = torch.Generator().manual_seed(seed)
    n = shape[0]
    tokens = nn.functional.normalize(torch.randn(n, conditions, 1, DIM, generator=generator), dim=-1)
    return {
        "mean": torch.randn(shape, generator=generator),
        "logvar": torch.full(shape, -60.0),
        "present": torch.ones(n, groups, dtype=torch.bool),
        "conditions": tokens,
        "has": torch.ones(n, conditions, dtype=torch.bool),
    }


def side_batch(shape: tuple[int, ...], seed: int = 0) -> dict[str, torch.Tensor]:
    """A batch for one side of a round."""
    embedding = torch.randn(shape[0], 1, DIM, generator=torch.Generator().manual_seed(seed + 50))
    has = torch.ones(shape[0], dtype=torch.bool)
    return {**latents(shape, seed=seed), "embedding": embedding, "has_embedding": has}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def changed(objective: Any, batch: Any, networks: Mapping[str, Any], folder: Path) -> set[str]:
    """Which networks differ after two steps of the real loop, without weight decay: only gradients move weights."""
    before = {name: digest(network) for name, network in networks.items()}
    settings = Settings(steps=2, batch_size=2, ema_decay=0, weight_decay=0, learning_rate=1e-2, log_every=1)
    train(objective, [0, 0], settings, folder, collate=lambda _: batch)
    after = {name: digest(network) for name, network in networks.items()}
    return {name for name in networks if before[name] != after[name]}
