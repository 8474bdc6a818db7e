"""A stage made ready, and its loss on the validation split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.utils import send_to_device
from torch import nn
from torch.utils.data import Dataset

from synthmed.training.batches import SeededItems, randomizables
from synthmed.training.distributed import processes
from synthmed.training.log import Picture
from synthmed.training.objective import Stepped
from synthmed.training.randomness import Stream, derive
from synthmed.training.settings import Settings

VALIDATED = 512
"""Items of the validation split that a validation loss is taken over."""
NO_STEP = -1
"""What a `Stepped` objective is told before a validation."""


@dataclass(frozen=True)
class Prepared:
    """A stage, ready for `synthmed.training.loop.train`.

    Attributes:
        objective: an `Objective`.
        datasets: by split, ``train`` and, where the data have one, ``val``.
        collate: items to a batch.
        pictures: what to show on the way.
        parts: what it changes, by part name, where a run keeps its weights by part.
        alone: the objective cannot be called in one process of several.
        networks: outside networks that teach, for the model's card.
    """

    objective: Any
    datasets: Mapping[str, Dataset[Any]]
    collate: Callable[[Any], Any]
    pictures: Callable[[], Mapping[str, Picture]] | None = None
    parts: Mapping[str, nn.Module] = field(default_factory=dict)
    alone: bool = False
    networks: tuple[str, ...] = ()


def make_validation(ready: Prepared, settings: Settings) -> Callable[[], Mapping[str, float]] | None:
    """The objective's losses on the validation split, with the same noise each time; None without such a split.

    A `Stepped` objective is at no step then: what it does every N steps it leaves out.
    """
    dataset: Any = ready.datasets.get("val")
    if dataset is None:
        return None
    items = SeededItems(dataset, settings.seed, tuple(randomizables(dataset)))
    n = min(len(dataset), VALIDATED)
    if ready.alone:
        # A loss between the rows of a batch is another quantity in a shorter one, and none in a batch of one.
        n -= n % settings.batch_size if n > settings.batch_size else 0
        if n < 2:
            return None

    def validate() -> Mapping[str, float]:
        if ready.alone and processes() > 1:
            return {}
        if isinstance(ready.objective, Stepped):
            ready.objective.begin_step(NO_STEP)
        sums: dict[str, float] = {}
        device = next(ready.objective.parameters()).device
        for start in range(0, n, settings.batch_size):
            places = [(place, place) for place in range(start, min(start + settings.batch_size, n))]
            batch = send_to_device(ready.collate(items.__getitems__(places)), device)
            generator = torch.Generator(device).manual_seed(derive(settings.seed, Stream.EVALUATION, start))
            for name, value in ready.objective(batch, generator).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(places)
        return {name: value / n for name, value in sums.items()}

    return validate
