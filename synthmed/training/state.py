"""What a checkpoint holds of a run, as named tensors and JSON numbers."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import accelerate
import torch
from torch import nn

from synthmed.errors import UserError
from synthmed.training.checkpoint import Tensors
from synthmed.training.distributed import processes
from synthmed.training.ema import Ema

WEIGHTS, EMA, OPTIMIZER = "weights.safetensors", "ema.safetensors", "optimizer.safetensors"


@dataclass(frozen=True)
class TrainingState:
    """The changing parts of a run.

    Attributes:
        networks: the objective's ``trained``; the parameters that require gradients and all buffers are kept.
        optimizer: over those parameters, in one group, in their order.
        ema: None where no average is kept.
        scaler: of fp16's gradients, else None.
    """

    networks: nn.ModuleDict
    optimizer: torch.optim.Optimizer
    ema: Ema | None
    scaler: Any = None

    def tensors(self) -> dict[str, Tensors]:
        """Tensors by file; the optimiser's are named ``<parameter>.<moment>``."""
        moments = {
            f"{name}.{key}": value
            for name, entry in self._moments()
            for key, value in entry.items()
            if isinstance(value, torch.Tensor)
        }
        files: dict[str, Tensors] = {WEIGHTS: self._weights(), OPTIMIZER: moments}
        return files | ({EMA: self.ema.averages} if self.ema else {})

    def scalars(self) -> dict[str, Any]:
        """JSON numbers: what of the optimiser's state is no tensor, and the scaler's."""
        numbers = {
            name: {key: value for key, value in entry.items() if not isinstance(value, torch.Tensor)}
            for name, entry in self._moments()
        }
        return {
            "optimizer": {name: entry for name, entry in numbers.items() if entry},
            "scaler": self.scaler.state_dict() if self.scaler else {},
        }

    @torch.no_grad()
    def load(self, files: Mapping[str, Tensors], scalars: Mapping[str, Any], where: str) -> None:
        """Take over a checkpoint of the same networks.

        Raises:
            UserError: its tensors are not those of these networks; names the first, and ``where``.
        """
        weights = self._weights()
        _refuse_other_tensors(weights, files.get(WEIGHTS, {}), f"{where}/{WEIGHTS}")
        for name, tensor in weights.items():
            tensor.copy_(files[WEIGHTS][name])
        if self.ema:
            _refuse_other_tensors(self.ema.averages, files.get(EMA, {}), f"{where}/{EMA}")
            self.ema.load(files[EMA])
        entries: dict[int, dict[str, Any]] = {}
        places = {name: place for place, name in enumerate(self._names())}
        for key, tensor in files.get(OPTIMIZER, {}).items():
            name, _, moment = key.rpartition(".")
            entries.setdefault(places[name], {})[moment] = tensor
        for name, numbers in scalars["optimizer"].items():
            entries.setdefault(places[name], {}).update(numbers)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": entries, "param_groups": groups})
        if self.scaler and scalars["scaler"]:
            self.scaler.load_state_dict(scalars["scaler"])

    def _weights(self) -> dict[str, torch.Tensor]:
        parameters = {name: value for name, value in self.networks.named_parameters() if value.requires_grad}
        return parameters | dict(self.networks.named_buffers())

    def _names(self) -> list[str]:
        return [name for name, value in self.networks.named_parameters() if value.requires_grad]

    def _moments(self) -> list[tuple[str, dict[str, Any]]]:
        names = self._names()
        return [(names[place], entry) for place, entry in self.optimizer.state_dict()["state"].items()]


def environment(device: torch.device) -> dict[str, Any]:
    """On what the bits of a run depend beside its settings."""
    return {
        "torch": torch.__version__,
        "accelerate": accelerate.__version__,
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "processes": processes(),
    }


def _refuse_other_tensors(own: Tensors, stored: Tensors, where: str) -> None:
    for name in sorted({*own, *stored}):
        if name not in own or name not in stored:
            side = "networks" if name in own else "checkpoint"
            raise UserError(f"{where}: {name} is only in the {side}; train other networks in another folder")
        shapes = tuple(stored[name].shape), tuple(own[name].shape)
        if shapes[0] != shapes[1]:
            raise UserError(f"{where}: {name} is {shapes[0]}, not {shapes[1]}; train other networks in another folder")
