"""A model's networks: built from its config, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synthmed.errors import UserError
from synthmed.medm2g.config import Config
from synthmed.models.guidance_layers import GuidanceLayers
from synthmed.models.networks import NETWORKS, build_network


def build_parts(config: Config, seed: int = 0, only: Iterable[str] | None = None) -> nn.ModuleDict:
    """New networks, by part name, in training mode.

    Each part's initial weights are a function of the seed and its name alone, so that leaving a part out changes no
    other (the ablations compare like with like).

    Args:
        only: the parts that are built; all by default.

    Raises:
        UserError: a part's class is not registered or does not take its arguments.
    """
    parts = nn.ModuleDict()
    for name, description in config.parts.items():
        if only is not None and name not in only:
            continue
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(
                seed * 1_000_003 + sum(byte * 257**place for place, byte in enumerate(name.encode())) % 2**31
            )
            parts[name] = build_network(description, where=f"parts.{name}")
    attach(parts)
    return parts


def attach(parts: nn.ModuleDict) -> None:
    """Let every part ``layers_<flow>`` act on the network of its flow, and none of an earlier set of parts."""
    for name, layers in parts.items():
        if isinstance(layers, GuidanceLayers):
            layers.detach()
            layers.attach(_network_of(parts, name.removeprefix("layers_")))


def _network_of(parts: nn.ModuleDict, flow: str) -> nn.Module:
    network: Any = parts[f"flow_{flow}"]
    inner: nn.Module = network.network
    return inner


def save_parts(parts: Mapping[str, Any], folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write each network into ``folder/<part>`` as diffusers does: config.json and safetensors.

    Args:
        dtype: of the stored weights; float16 halves the folder.
    """
    for name, network in parts.items():
        stored = network if dtype == torch.float32 else _as(network, dtype)
        stored.save_pretrained(folder / name, safe_serialization=True)


def load_parts(config: Config, folder: Path) -> nn.ModuleDict:
    """The networks that `save_parts` wrote, as float32, in evaluation mode.

    Raises:
        UserError: a folder is missing or damaged, or holds another class than the config says. No pickle is read.
    """
    parts = nn.ModuleDict()
    for name, description in config.parts.items():
        place = folder / name
        kind: Any = NETWORKS.get(str(description.get("class")))
        if not (place / "config.json").is_file():
            raise UserError(f"{place}: the model's part {name} is missing")
        try:
            parts[name], found = kind.from_pretrained(
                place,
                use_safetensors=True,
                local_files_only=True,
                torch_dtype=torch.float32,
                low_cpu_mem_usage=False,
                output_loading_info=True,
            )
            if wrong := [*found["missing_keys"], *found["unexpected_keys"], *found["mismatched_keys"]]:
                raise ValueError(f"the weights do not fit the config: {wrong[0]}, and {len(wrong) - 1} more")
        except Exception as error:  # whatever diffusers and safetensors make of a stranger's folder
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"{place}: cannot be loaded as {description.get('class')}: {reason}") from None
    # They lie in the files' buffers at odd addresses, on which the last bit of a product with one row depends: a model
    # makes the same bits before it is saved and after.
    for tensor in [*parts.parameters(), *parts.buffers()]:
        tensor.data = tensor.data.clone()
    attach(parts)
    parts.eval()
    return parts


def _as(network: Any, dtype: torch.dtype) -> Any:
    copy = type(network).from_config(network.config)
    copy.load_state_dict(network.state_dict())
    return copy.to(dtype)
