"""The engine: from a model and a number to a folder of shards that equals its plan, whatever interrupts it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthmed.errors import SynthmedError, UserError
from synthmed.generation.dataset_files import write_dataset_files
from synthmed.generation.environment import worker_threads
from synthmed.generation.given import Rows
from synthmed.generation.listener import Listener
from synthmed.generation.lock import Lock, locked
from synthmed.generation.plan import Plan, make_plan
from synthmed.generation.plan_file import open_plan, read_plan
from synthmed.generation.pool import Pool
from synthmed.generation.shard import is_committed, make_shard
from synthmed.generation.storage import Store
from synthmed.generation.worker import failure
from synthmed.load import load_model
from synthmed.protocols import Generator


@dataclass(frozen=True)
class Report:
    """What a run did.

    Attributes:
        made: shards committed by this run.
        missing: shards of the whole plan that are not there yet: another process's, or failed.
        failed: shards of this run given up, with the reason.
        complete: every shard and the dataset's own files are there.
    """

    out: str
    plan: Plan
    made: int
    missing: int
    failed: Mapping[int, str]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether the dataset is whole."""
        return self.missing == 0


def generate_dataset(
    model: str | Path | Generator,
    out: str | Path,
    n: int = 1000,
    *,
    seed: int = 0,
    to: Sequence[str] | None = None,
    given: Mapping[str, Any] | Rows | None = None,
    shard_size: int | None = None,
    workers: int | None = None,
    shards: Callable[[int], range] = range,
    accept_environment: bool = False,
    listener: Listener | None = None,
) -> Report:
    """Make a dataset of ``n`` samples in the folder ``out``; the same call goes on where an earlier one stopped.

    Args:
        model: a name or a folder for `load_model`, or a generator (which then runs in this process).
        out: a folder, or a URL that fsspec knows.
        to, given, shard_size: as for `make_plan`; an existing folder's shard size stays.
        workers: processes; 0 runs in this one. None takes one a GPU, else one a core.
        shards: from the plan's number of shards to those to make here, the others being made elsewhere; all by default.

    Raises:
        UserError: the request, the folder or its plan does not allow it.
        SynthmedError: the disk is full, or workers do not start.
        KeyboardInterrupt: passed on; what is committed stays, and the same call goes on from there.
    """
    began = time.perf_counter()
    listener = listener or Listener()
    store = Store(out)
    generator = load_model(model) if isinstance(model, str | Path) else model
    plan = make_plan(generator, n, seed=seed, to=to, given=given, shard_size=shard_size or _present_shard_size(store))
    devices = _devices(plan, store, workers, in_process=generator is model)
    mine = shards(plan.shards)
    store.prepare()
    with locked(store, mine) as lock:
        plan = open_plan(plan, store, accept_environment)
        store.drop_abandoned()
        pending = [shard for shard in mine if not is_committed(plan, shard, store)]
        listener.started(plan, str(store), mine, len(mine) - len(pending), len(devices))
        if devices:
            failed = Pool(plan, store, devices, listener, lock.touch).run(pending)
        else:
            failed = _run_here(generator, plan, store, pending, listener, lock)
        missing = sum(not is_committed(plan, shard, store) for shard in range(plan.shards))
        if not missing:
            write_dataset_files(plan, generator.labels, store)
    listener.finished(str(store), not missing)
    return Report(str(store), plan, len(pending) - len(failed), missing, failed, time.perf_counter() - began)


def _run_here(
    generator: Generator, plan: Plan, store: Store, pending: Sequence[int], listener: Listener, lock: Lock
) -> dict[int, str]:
    def on_batch(samples: int) -> None:
        listener.progress(samples)
        lock.touch()

    with worker_threads():
        for shard in pending:
            try:
                stats = make_shard(generator, plan, shard, store, on_batch)
            except OSError as error:
                raise SynthmedError(f"{store}: shard {shard}: {failure(shard, error).message}") from error
            listener.committed(shard, stats)
    return {}


def _devices(plan: Plan, store: Store, workers: int | None, *, in_process: bool) -> list[str]:
    """One device name a worker; empty to run in this process."""
    if workers is not None and workers < 0:
        raise UserError(f"--workers {workers}: a number of processes, or 0 for this one")
    if in_process or not store.shared or workers == 0:
        if workers and not store.shared:
            raise UserError(f"{store}: memory:// lives in one process; use --workers 0")
        return []
    if plan.environment["device"] == "cuda":
        import torch

        gpus = torch.cuda.device_count()
        return [f"cuda:{worker % gpus}" for worker in range(workers or gpus)]
    return ["cpu"] * (workers or _cores())


def _cores() -> int:
    """The cores that this process may use; macOS does not tell them from all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _present_shard_size(store: Store) -> int | None:
    """A larger n extends a set in shards of the size that it has."""
    plan = read_plan(store)
    size = plan.get("shard_size") if plan else None
    return size if isinstance(size, int) and size > 0 else None
