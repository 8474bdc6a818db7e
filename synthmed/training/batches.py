"""Which items make the batch of a step, and the same items again after a resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.data import DataLoader
from monai.utils import MAX_SEED
from torch.utils.data import Dataset

from synthmed.errors import UserError
from synthmed.training.interrupts import ignore_interrupts
from synthmed.training.randomness import Stream, derive, seed_globals
from synthmed.training.settings import Settings

Place = tuple[int, int]
"""(position in the run's endless stream of items, index in the dataset)."""
WINDOW = 16
"""Batches whose items are sorted by size together."""


@dataclass(frozen=True)
class Share:
    """Which slice of each batch is this process's: the ``rank``-th of ``processes`` equal ones."""

    rank: int = 0
    processes: int = 1


def places(length: int, batch_size: int, seed: int, step: int, sizes: Sequence[int] | None = None) -> list[Place]:
    """The batch of a step, counted from 0.

    The stream of items is one permutation of the dataset after another, each a function of (seed, epoch); a batch takes
    the next ``batch_size`` of it, across the end of an epoch where it lies so.

    Args:
        sizes: of the items, as texts have them. Of each `WINDOW` batches' items those alike in size then share a
            batch, so that little of it is padding, and the batches come in a random order.
    """
    if sizes is None:
        return _stream(length, seed, range(step * batch_size, (step + 1) * batch_size))
    window, at = divmod(step, WINDOW)
    whole = WINDOW * batch_size
    items = _stream(length, seed, range(window * whole, (window + 1) * whole))
    items.sort(key=lambda place: sizes[place[1]])
    chosen = int(_order(derive(seed, Stream.WINDOW, window), WINDOW)[at]) * batch_size
    return items[chosen : chosen + batch_size]


def _stream(length: int, seed: int, positions: range) -> list[Place]:
    return [(at, int(_order(derive(seed, Stream.ORDER, at // length), length)[at % length])) for at in positions]


def make_loader(
    dataset: Any,
    settings: Settings,
    *,
    start_step: int = 0,
    share: Share | None = None,
    collate: Callable[[Any], Any] | None = None,
    pin_memory: bool = False,
) -> DataLoader:
    """The batches of the steps from ``start_step`` on, ``settings.accumulate`` a step.

    Args:
        dataset: indexed from 0 to its length. Its ``sizes``, where it has them, are those of `places`. One with
            ``__getitems__`` and no random transforms of MONAI's is asked for a batch at once. Random transforms of
            MONAI, and what draws from the global generators of torch (torchio), NumPy or Python, give the same item at
            the same place of the run with any number of workers.
        share: the slice of this process; all of each batch if None.
        collate: items to a batch; MONAI's `list_data_collate` if None.

    Raises:
        UserError: the dataset is empty, or a batch cannot be divided by processes and parts.
    """
    share = share or Share()
    if len(dataset) == 0:
        raise UserError("the dataset is empty: there is nothing to train on")
    if settings.batch_size % (share.processes * settings.accumulate):
        raise UserError(
            f"batch_size {settings.batch_size} is not a multiple of {share.processes} processes x accumulate "
            f"{settings.accumulate}; change one of them"
        )
    options = {} if collate is None else {"collate_fn": collate}
    return DataLoader(
        SeededItems(dataset, settings.seed, tuple(randomizables(dataset))),
        num_workers=settings.loader_workers,
        batch_sampler=StepBatches(len(dataset), settings, start_step, share, getattr(dataset, "sizes", None)),
        worker_init_fn=ignore_interrupts,  # MONAI's would seed each worker; items are seeded one by one
        pin_memory=pin_memory,
        **options,
    )


@dataclass(frozen=True)
class StepBatches:
    """A batch sampler over `places`: for each step this process's share, in ``accumulate`` parts."""

    length: int
    settings: Settings
    start_step: int
    share: Share
    sizes: Sequence[int] | None = None

    def __iter__(self) -> Iterator[list[Place]]:
        size = self.settings.batch_size // (self.share.processes * self.settings.accumulate)
        for step in range(self.start_step, self.settings.steps):
            batch = places(self.length, self.settings.batch_size, self.settings.seed, step, self.sizes)
            for part in range(self.settings.accumulate):
                start = (self.share.rank * self.settings.accumulate + part) * size
                yield batch[start : start + size]


@dataclass(frozen=True, slots=True)  # without a __dict__, MONAI's DataLoader does not walk through it to seed it
class SeededItems(Dataset[Any]):
    """Asks a dataset by `Place`, with all randomness set by (seed, position)."""

    dataset: Any
    seed: int
    randomizables: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: Place) -> Any:
        self._seed(place[0])
        return self.dataset[place[1]]

    def __getitems__(self, batch: Sequence[Place]) -> Any:
        if self.randomizables or not callable(getattr(self.dataset, "__getitems__", None)):
            return [self[place] for place in batch]
        self._seed(batch[0][0])
        return self.dataset.__getitems__([index for _, index in batch])

    def _seed(self, position: int) -> None:
        seed = derive(self.seed, Stream.ITEM, position)
        seed_globals(seed)
        for offset, randomizable in enumerate(self.randomizables):
            randomizable.set_random_state(seed=(seed + offset) % MAX_SEED)


def randomizables(dataset: Any) -> Iterator[Any]:
    """The dataset's objects with a random state of MONAI's, those of the datasets inside it too."""
    if callable(getattr(dataset, "set_random_state", None)):
        yield dataset
    for value in getattr(dataset, "__dict__", {}).values():
        for part in value if isinstance(value, (list, tuple)) and _are_parts(value) else [value]:
            if isinstance(part, Dataset):
                yield from randomizables(part)
            elif callable(getattr(part, "set_random_state", None)):
                yield part


def _are_parts(values: Sequence[Any]) -> bool:
    """Whether these are datasets or transforms, and not ten thousand records."""
    return bool(values) and (isinstance(values[0], Dataset) or callable(values[0]))


@lru_cache(maxsize=4)
def _order(seed: int, length: int) -> npt.NDArray[np.int64]:
    generator = torch.Generator().manual_seed(seed)
    order: npt.NDArray[np.int64] = torch.randperm(length, generator=generator).numpy()
    return order
