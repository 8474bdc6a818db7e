"""The training of a cell: AdamW with one cycle of the learning rate, a fixed number of steps.

`synthmed.training.loop.train` makes a folder with a lock, checkpoints and TensorBoard files for each run, which pays
over hours. A suite has hundreds of cells of about a minute: a cell is kept whole or trained again, and this loop writes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import nn

from synthmed.downstream.rows import Rows
from synthmed.downstream.seeds import seeded
from synthmed.downstream.tasks.task import Task
from synthmed.downstream.truth import Batch, Truth, join
from synthmed.errors import SynthmedError
from synthmed.training.allocator import keep_freed_memory
from synthmed.training.randomness import Stream, derive

_AT_ONCE = 64


class FitSettings(BaseModel):
    """How every arm of a task is trained.

    Attributes:
        steps: optimiser steps, of all stages of an arm together.
        batch_size: rows a step.
        learning_rate: at the top of the cycle (L. Smith, https://arxiv.org/abs/1708.07120).
        clip_norm: the gradient's largest 2-norm; 0 does not clip.
        validate_every: steps between looks at validation rows, where some are given; 0 keeps the last weights.
        device: of torch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    steps: Annotated[int, Field(ge=10)] = 600
    batch_size: PositiveInt = 32
    learning_rate: PositiveFloat = 3e-3
    weight_decay: NonNegativeFloat = 1e-2
    clip_norm: NonNegativeFloat = 5.0
    validate_every: NonNegativeInt = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Source:
    """Rows and their share of every batch, in (0, 1]; the shares of a training add up to 1."""

    rows: Rows
    share: float = 1.0


def fit(
    task: Task,
    net: nn.Module,
    sources: Sequence[Source],
    settings: FitSettings,
    seed: int,
    *,
    augment: Callable[[Batch], Batch] | None = None,
    validation: Rows | None = None,
    on_step: Callable[[int], None] = lambda step: None,
) -> nn.Module:
    """Train a network in place, and give it back in evaluation mode.

    The order of rows, the augmentation and all noise are functions of the seed. Each source is gone through in a new
    random order again and again, whatever its size. The last weights are kept, or, with validation rows, those with the
    best primary figure on them; test rows are never looked at.

    Args:
        on_step: told the number of each step, from 1, when it is done.

    Raises:
        SynthmedError: the loss is not finite.
    """
    device = torch.device(settings.device)
    net.to(device).train()
    if device.type == "cpu":
        keep_freed_memory()
    optimizer = torch.optim.AdamW(net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=settings.steps)
    best, weights = -np.inf, None
    with seeded(derive(seed, Stream.LAYERS), device):
        for step, batch in enumerate(_batches(sources, settings, seed), start=1):
            loss = task.loss(net, (augment(batch) if augment else batch).to(device))
            if not torch.isfinite(loss):
                raise SynthmedError(
                    f"{task.kind} of {task.image}: the loss of step {step} is not finite; lower learning_rate "
                    f"(it is {settings.learning_rate})"
                )
            optimizer.zero_grad()
            loss.backward()
            if settings.clip_norm:
                nn.utils.clip_grad_norm_(net.parameters(), settings.clip_norm)
            optimizer.step()
            schedule.step()
            on_step(step)
            every = settings.validate_every
            if validation is not None and every and (step % every == 0 or step == settings.steps):
                value = task.score(predict(task, net, validation), validation.truth)[task.primary]
                net.train()
                if value > best:
                    best, weights = value, deepcopy(net.state_dict())
    if weights is not None:
        net.load_state_dict(weights)
    return net.eval()


@torch.inference_mode()
def predict(task: Task, net: nn.Module, rows: Rows) -> Truth:
    """What a network says of all rows; it is left in evaluation mode."""
    net.eval()
    device = next(net.parameters()).device
    places = np.arange(len(rows))
    parts = [
        task.predict(net, rows.images(places[start : start + _AT_ONCE]).to(device))
        for start in range(0, len(rows), _AT_ONCE)
    ]
    if isinstance(parts[0], tuple):
        return tuple(row for part in parts if isinstance(part, tuple) for row in part)
    return np.concatenate([part for part in parts if not isinstance(part, tuple)])


def _batches(sources: Sequence[Source], settings: FitSettings, seed: int) -> Iterator[Batch]:
    """One batch a step. A share that is no whole number of rows comes out right over the steps."""
    orders = [
        _endless(len(source.rows), np.random.default_rng(derive(seed, Stream.ORDER, place)))
        for place, source in enumerate(sources)
    ]
    for step in range(settings.steps):
        done, now = (
            [int(source.share * settings.batch_size * count) for source in sources[:-1]] for count in (step, step + 1)
        )
        counts = [after - before for before, after in zip(done, now, strict=True)]
        counts.append(settings.batch_size - sum(counts))
        parts = [
            source.rows.batch(np.array([next(order) for _ in range(count)], np.int64))
            for source, order, count in zip(sources, orders, counts, strict=True)
            if count
        ]
        yield join(parts)


def _endless(n: int, rng: np.random.Generator) -> Iterator[int]:
    while True:
        order: npt.NDArray[np.int64] = rng.permutation(n)
        yield from order.tolist()
