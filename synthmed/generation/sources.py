"""Where a dataset's samples come from: rendered when asked for, or kept in a folder of shards that fills by use."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from synthmed.errors import UserError
from synthmed.generation.dataset_files import write_dataset_files
from synthmed.generation.environment import worker_threads
from synthmed.generation.plan import Plan
from synthmed.generation.plan_file import open_plan
from synthmed.generation.reader import ShardReader
from synthmed.generation.recent import Recent
from synthmed.generation.render import render_batch
from synthmed.generation.shard import is_committed, make_shard
from synthmed.generation.storage import Store
from synthmed.load import load_model
from synthmed.protocols import Generator
from synthmed.sample import Sample

_KEPT_BATCHES = 4


class Source(Protocol):
    """Samples by index. Each call gives fresh ones, which the caller may change."""

    def __len__(self) -> int: ...

    def samples(self, indices: Sequence[int]) -> list[Sample]:
        """The samples at these indices (0 ≤ index < len)."""
        ...


class LazyGenerator:
    """A plan's generator, which does not go through pickle: each process loads its own when it first needs it."""

    # Slots, since MONAI's loader walks every __dict__ below a dataset to seed it, without end in a cyclic model.
    __slots__ = ("_device", "_fingerprint", "_generator", "_source")

    def __init__(self, generator: Generator, plan: Plan) -> None:
        self._generator: Generator | None = generator
        self._source = plan.model
        self._fingerprint = plan.model_fingerprint
        self._device = str(plan.environment["device"])

    def __call__(self) -> Generator:
        """The generator.

        Raises:
            UserError: the model is not the plan's any more, or needs a GPU that a forked process cannot use.
        """
        if self._device == "cuda" and torch.cuda._is_in_bad_fork():
            raise UserError(
                f"{self._source} runs on the GPU, and this worker was forked from a process that uses CUDA: "
                'give the DataLoader multiprocessing_context="spawn", or use cache_dir or num_workers=0'
            )
        if self._generator is None:
            generator = load_model(self._source, self._device)
            if generator.fingerprint != self._fingerprint:
                raise UserError(f"{self._source}: the model has changed since this dataset was made; make it again")
            self._generator = generator
        return self._generator

    def __getstate__(self) -> tuple[str, str, str]:
        return self._source, self._fingerprint, self._device

    def __setstate__(self, state: tuple[str, str, str]) -> None:
        self._generator = None
        self._source, self._fingerprint, self._device = state


class RenderedSamples:
    """Renders the plan's batch that holds a sample, and keeps the last few batches."""

    def __init__(self, generator: Generator, plan: Plan) -> None:
        self._generator = LazyGenerator(generator, plan)
        self._plan = plan
        self._recent: Recent[list[Sample]] = Recent(_KEPT_BATCHES)

    def __len__(self) -> int:
        return self._plan.n

    def samples(self, indices: Sequence[int]) -> list[Sample]:
        """The samples at these indices; each batch of the plan is rendered once a call at most."""
        found: dict[int, Sample] = {}
        for batch in dict.fromkeys(self._plan.batch_of(index) for index in indices):
            rendered = self._recent.get(batch.start, lambda batch=batch: self._render(batch))  # type: ignore[misc]
            found.update((index, rendered[index - batch.start]) for index in indices if index in batch)
        return [copy.deepcopy(found[index]) for index in indices]

    def _render(self, batch: range) -> list[Sample]:
        generator = self._generator()
        with worker_threads():
            return render_batch(generator, self._plan, batch)


class CachedSamples:
    """Fills a folder with the plan's shards by use, then reads them. A process that has seen all writes the card.

    Several processes may fill one folder: a shard that two of them make is committed twice with the same bytes. Workers
    of one data loader begin at different shards, so that they seldom do.

    Raises:
        UserError: the folder holds another dataset.
    """

    def __init__(self, generator: Generator, plan: Plan, folder: str | Path) -> None:
        self._store = Store(folder)
        self._store.prepare()
        self._plan = open_plan(plan, self._store)
        self._generator = LazyGenerator(generator, plan)
        self._labels = tuple(generator.labels)
        self._reader = ShardReader(folder, plan.layout, plan.n, plan.shard_size)
        self._there: set[int] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._plan.n

    def samples(self, indices: Sequence[int]) -> list[Sample]:
        """The samples at these indices; shards that are not there yet are made whole."""
        shards = sorted({index // self._plan.shard_size for index in indices})
        worker = torch.utils.data.get_worker_info()
        first = len(shards) * worker.id // worker.num_workers if worker else 0
        for shard in [*shards[first:], *shards[:first]]:
            self._make(shard)
        return self._reader.samples(indices)

    def _make(self, shard: int) -> None:
        with self._lock:
            if shard in self._there:
                return
            if not is_committed(self._plan, shard, self._store):
                generator = self._generator()
                with worker_threads():
                    make_shard(generator, self._plan, shard, self._store)
            self._there.add(shard)
            if len(self._there) == self._plan.shards:
                write_dataset_files(self._plan, self._labels, self._store)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
