"""Shards: the bytes of one shard's tar and parquet, and the stats.json that commits them."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synthmed.codec import encode
from synthmed.generation.environment import difference, environment
from synthmed.generation.plan import FORMAT, Plan, shard_name
from synthmed.generation.render import render_batch
from synthmed.generation.storage import Store
from synthmed.generation.tar import HashingFile, ShardTar
from synthmed.protocols import Generator
from synthmed.sample import Sample

MAX_STATS_BYTES = 2**20


def make_shard(
    generator: Generator,
    plan: Plan,
    shard: int,
    store: Store,
    on_batch: Callable[[int], None] = lambda samples: None,
) -> dict[str, Any]:
    """Render, write and commit one shard: tar, then parquet, then stats. Its bytes are a function of the plan.

    Args:
        on_batch: called with the number of samples after each batch; what it raises abandons the shard.

    Returns:
        What stands in the shard's ``stats.json``.
    """
    name = shard_name(shard)
    index = _Index()
    seconds = {"render": 0.0, "encode": 0.0, "write": 0.0}
    clock = _Clock(seconds)
    with store.writing(f"{name}.tar") as file:
        hashing = HashingFile(file)
        tar = ShardTar(hashing)
        for batch in plan.batches(shard):
            samples = render_batch(generator, plan, batch)
            clock.lap("render")
            encoded = [encode(sample, plan.layout) for sample in samples]
            clock.lap("encode")
            for sample, members in zip(samples, encoded, strict=True):
                index.add(sample, tar.add(sample.key, members), _content_hash(members))
            clock.lap("write")
            on_batch(len(samples))
        tar.close()
    parquet = index.to_parquet(f"{name}.tar")
    with store.writing(f"{name}.parquet") as file:
        file.write(parquet)
    clock.lap("write")
    stats = {
        "format": FORMAT,
        "shard": name,
        "plan": plan_digest(plan),
        "samples": len(plan.shard(shard)),
        "accepted": sum(index.columns["accepted"]),
        "labels": dict(sorted(Counter(label for labels in index.columns["labels"] for label in labels).items())),
        "tar": {"bytes": hashing.bytes, "sha256": hashing.sha256},
        "parquet": {"bytes": len(parquet), "sha256": hashlib.sha256(parquet).hexdigest()},
        "environment_differs": difference(
            plan.environment, environment(tuple(generator.packages), plan.environment["device"])
        ),
        "seconds": seconds,
    }
    store.write(f"{name}.stats.json", json.dumps(stats, indent=2, sort_keys=True) + "\n")
    return stats


def is_committed(plan: Plan, shard: int, store: Store) -> bool:
    """Whether the shard is there, whole, and of this plan."""
    stats = read_stats(shard_name(shard), store)
    if stats is None or stats.get("plan") != plan_digest(plan) or stats.get("samples") != len(plan.shard(shard)):
        return False
    return all(
        store.size(f"{shard_name(shard)}.{kind}") == stats.get(kind, {}).get("bytes") for kind in ("tar", "parquet")
    )


def read_stats(name: str, store: Store) -> dict[str, Any] | None:
    """A shard's ``stats.json``; None where there is none or it is not one."""
    data = store.read(f"{name}.stats.json", MAX_STATS_BYTES)
    try:
        stats = json.loads(data) if data is not None else None
    except ValueError:
        return None
    return stats if isinstance(stats, dict) else None


def plan_digest(plan: Plan) -> str:
    """sha256 of the plan's content but for n, which a larger set extends."""
    content = {name: value for name, value in plan.content().items() if name != "n"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _content_hash(members: Mapping[str, bytes]) -> str:
    """sha256 over a sample's images, masks and report, without its record: equal only for exact duplicates."""
    digest = hashlib.sha256()
    for suffix, data in sorted(members.items()):
        if suffix != "json":
            digest.update(f"{suffix}:{len(data)}:".encode())
            digest.update(data)
    return digest.hexdigest()


_COLUMNS: dict[str, pa.DataType] = {
    "key": pa.string(),
    "labels": pa.list_(pa.string()),
    "prompt": pa.string(),
    "seed": pa.int64(),
    "accepted": pa.bool_(),
    "content_hash": pa.string(),
}


@dataclass
class _Index:
    """The rows of the shard's parquet."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _COLUMNS})
    places: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def add(self, sample: Sample, places: Mapping[str, tuple[int, int]], content: str) -> None:
        values = (
            sample.key,
            list(sample.labels),
            sample.prompt,
            sample.provenance.seed,
            sample.quality.accepted,
            content,
        )
        for name, value in zip(_COLUMNS, values, strict=True):
            self.columns[name].append(value)
        for suffix, place in places.items():
            self.places.setdefault(suffix, []).append(place)

    def to_parquet(self, tar: str) -> bytes:
        columns = {name: pa.array(self.columns[name], kind) for name, kind in _COLUMNS.items()}
        columns["shard"] = pa.array([tar] * len(columns["key"]), pa.string())
        for suffix, places in sorted(self.places.items()):
            columns[f"offset.{suffix}"] = pa.array([offset for offset, _ in places], pa.int64())
            columns[f"length.{suffix}"] = pa.array([length for _, length in places], pa.int64())
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        return buffer.getvalue()


class _Clock:
    """Adds the time since the last lap to a phase."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        now = time.perf_counter()
        self._seconds[phase] += now - self._last
        self._last = now
