"""What a training stage minimises, and which of its weights it may change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from synthmed.training.ema import Ema
from synthmed.training.randomness import Stream, derive, seed_globals


class Objective(Protocol):
    """A stage's losses: a `torch.nn.Module`, so that accelerate can wrap it.

    Attributes:
        trained: the networks whose weights the stage may change. Those of their parameters with ``requires_grad`` are
            trained and kept in checkpoints; no parameter elsewhere in the objective may require a gradient.
    """

    trained: nn.ModuleDict

    def forward(self, batch: Any, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
        """Scalar losses, each a mean over the batch; ``loss`` is minimised, the rest is logged.

        The names may change from step to step, but not from process to process.

        Args:
            batch: what the collate function gave, on the objective's device.
            generator: fresh in each step, a function of (seed, step, process); all noise is drawn from it.
        """
        ...


@runtime_checkable
class Stepped(Protocol):
    """An objective that wants to know where the run stands, as one that does something every N steps.

    It keeps no count of its own, which a checkpoint would have to hold.
    """

    def begin_step(self, step: int) -> None:
        """Called before each optimiser step, once for all its parts; ``step`` of them are done, before a resume too."""
        ...


def trainable(objective: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that a stage changes, by their names in ``trained``.

    Raises:
        ValueError: there is none, one lies outside ``trained``, or one is of half precision (autocast, and the moments
            of the optimiser, need float32 weights beneath).
    """
    networks = networks_of(objective)
    inside = {name: parameter for name, parameter in networks.named_parameters() if parameter.requires_grad}
    known = {id(parameter) for parameter in inside.values()}
    outside = [name for name, value in objective.named_parameters() if value.requires_grad and id(value) not in known]
    if outside:
        raise ValueError(f"{outside[0]} requires a gradient and is not in `trained`; freeze it, or put it there")
    if not inside:
        raise ValueError("no parameter in `trained` requires a gradient: there is nothing to train")
    for name, parameter in inside.items():
        if parameter.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"{name} is {parameter.dtype}; trained weights are float32, `precision` sets the rest")
    return inside


def networks_of(objective: nn.Module) -> nn.ModuleDict:
    """``objective.trained``.

    Raises:
        ValueError: it is not a `torch.nn.ModuleDict`.
    """
    networks = getattr(objective, "trained", None)
    if not isinstance(networks, nn.ModuleDict):
        raise ValueError(f"{type(objective).__name__}.trained is not a torch.nn.ModuleDict of the trained networks")
    return networks


def set_training(objective: nn.Module) -> None:
    """Training mode for the networks with a trainable parameter; evaluation mode for the frozen ones.

    A frozen network in training mode would still drop activations and move its batch statistics.
    """
    networks = networks_of(objective)
    objective.eval()
    objective.training = networks.training = True
    for network in networks.values():
        network.train(any(parameter.requires_grad for parameter in network.parameters()))


@contextmanager
def evaluating(objective: nn.Module, ema: Ema | None, seed: int) -> Iterator[None]:
    """The average weights, evaluation mode, no gradients, the same random numbers each time."""
    objective.eval()
    seed_globals(derive(seed, Stream.EVALUATION))
    try:
        with ema.applied() if ema else nullcontext(), torch.no_grad():
            yield
    finally:
        set_training(objective)
