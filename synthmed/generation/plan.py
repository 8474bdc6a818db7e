"""The plan: every sample's key, request and seeds, every batch's and shard's boundaries. Pure; it is plan.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from synthmed.errors import UserError
from synthmed.fields import Layout
from synthmed.generation.environment import device_for, environment
from synthmed.generation.given import LazyRows, Rows, content_hash_of_rows, texts_of
from synthmed.generation.given_image import read_given
from synthmed.generation.seeds import sample_seed
from synthmed.modality import canonical
from synthmed.protocols import Generator, Request
from synthmed.registry import nearest
from synthmed.sample import NO_FINDING

FORMAT = 1
PREFIX = "synthmed"


def shard_name(number: int) -> str:
    """File name of a shard without its ending."""
    return f"{PREFIX}-{number:06d}"


@dataclass(frozen=True)
class Plan:
    """Which samples a dataset holds and what each is made from.

    Attributes:
        model: what `synthmed.load_model` takes.
        to: canonical names of what each sample holds.
        rows: what the samples are conditioned on; row ``i % len(rows)`` goes into sample i. One empty row for nothing.
        given_hash: sha256 over the rows' content.
        sampler: the generator's sampler, steps and guidance.
        shard_size: samples a shard.
        batch: samples a call of the generator; a batch never crosses a shard.
        environment: what the bytes depend on besides.
        copied: of ``to``, what is not made but written as it is given.
    """

    model: str
    model_fingerprint: str
    n: int
    seed: int
    to: tuple[str, ...]
    rows: Rows
    given_hash: str
    sampler: Mapping[str, Any]
    shard_size: int
    batch: int
    layout: Layout
    environment: Mapping[str, Any]
    copied: tuple[str, ...] = ()

    @property
    def model_name(self) -> str:
        """The model's name without the folders above it, which are this machine's affair."""
        return PurePath(self.model).name

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-self.n // self.shard_size)

    def shard(self, number: int) -> range:
        """Indices of a shard's samples."""
        return range(number * self.shard_size, min((number + 1) * self.shard_size, self.n))

    def batches(self, shard: int) -> Iterator[range]:
        """The shard's samples, a call of the generator at a time."""
        indices = self.shard(shard)
        for start in indices[:: self.batch]:
            yield range(start, min(start + self.batch, indices.stop))

    def batch_of(self, index: int) -> range:
        """The batch that sample ``index`` is made in."""
        indices = self.shard(index // self.shard_size)
        start = index - (index - indices.start) % self.batch
        return range(start, min(start + self.batch, indices.stop))

    def key(self, index: int) -> str:
        """The sample's key: unique in the dataset, without dots, the same whatever n is."""
        return f"{index:09d}"

    def seed_of(self, index: int, attempt: int = 0) -> int:
        """The noise seed of one attempt at a sample."""
        return sample_seed(self.seed, index, attempt)

    def request(self, index: int, generator: Generator) -> Request:
        """What the generator is asked for this sample."""
        given = self.rows[index % len(self.rows)]
        made = tuple(name for name in self.to if name not in self.copied)
        return Request(made, given, generator.prompt(given))

    def content(self) -> dict[str, Any]:
        """The fields of ``plan.json`` that say which samples these are."""
        return {
            "format": FORMAT,
            "model": self.model_name,
            "model_fingerprint": self.model_fingerprint,
            "n": self.n,
            "seed": self.seed,
            "to": list(self.to),
            "given": self.given_hash,
            "sampler": dict(self.sampler),
            "shard_size": self.shard_size,
            "batch": self.batch,
            "fields": self.layout.to_json(),
        }

    def to_json(self) -> str:
        """``plan.json``."""
        return json.dumps({**self.content(), "environment": self.environment}, indent=2, sort_keys=True) + "\n"


def default_shard_size(n: int) -> int:
    """1,000 samples a shard; small sets are cut into about ten, so that several workers share them."""
    return max(1, min(1000, -(-n // 10)))


def make_plan(
    generator: Generator,
    n: int,
    *,
    seed: int = 0,
    to: Sequence[str] | str | None = None,
    given: Mapping[str, Any] | Rows | None = None,
    shard_size: int | None = None,
) -> Plan:
    """Fix a dataset of ``n`` samples.

    Args:
        to: names of what each sample is to hold; the generator's default if None. What is given and named here, too, is
            written as it is given, unless the generator makes it anew.
        given: one condition for all samples, or rows of them that the samples cycle through.
        shard_size: samples a shard; `default_shard_size` if None.

    Raises:
        UserError: the numbers are out of range, a name is unknown, or the generator does not support the task.
    """
    if n < 1 or seed < 0 or (shard_size is not None and shard_size < 1):
        raise UserError(
            f"n = {n}, seed = {seed}, shard size = {shard_size}: n and the shard size start at 1, the seed at 0"
        )
    if n > 10**9:
        raise UserError(f"n = {n}: a dataset holds at most 10^9 samples; use several with different seeds")
    wanted = [to] if isinstance(to, str) else to or generator.default_to
    names = tuple(dict.fromkeys(canonical(name) for name in wanted))
    rows = _rows(given)
    # All rows have the names of the first.
    copied = _copied(generator, names, set(rows[0]))
    for row in texts_of(rows):
        for label in sorted({*row.get("labels", ())} - {*generator.labels, NO_FINDING}):
            raise UserError(f"given: {generator.source} has no label {label!r}{nearest(label, generator.labels)}")
        # What the generator does not take is to be refused here, not by a worker after the folder is made.
        generator.prompt(row)
    layout = replace(
        generator.layout(names),
        attributes={name: type(value).__name__ for name, value in sorted(generator.attributes.items())},
    )
    size = shard_size or default_shard_size(n)
    return Plan(
        generator.source,
        generator.fingerprint,
        n,
        seed,
        names,
        rows,
        content_hash_of_rows(rows),
        generator.sampler,
        size,
        min(generator.batch_size, size),
        layout,
        environment(tuple(generator.packages), device_for(generator)),
        copied,
    )


def _rows(given: Mapping[str, Any] | Rows | None) -> Rows:
    if isinstance(given, LazyRows) and isinstance(given, Sequence):
        return given
    rows = [given or {}] if given is None or isinstance(given, Mapping) else given
    if not len(rows):
        raise UserError("given: no row; leave it out to generate without a condition")
    named = [{canonical(name): _read(name, value) for name, value in row.items()} for row in rows]
    for number, row in enumerate(named):
        if row.keys() != named[0].keys():
            raise UserError(
                f"given: row {number} has {sorted(row)}, row 0 {sorted(named[0])}; all rows need the same names"
            )
    return named


def _read(name: str, value: Any) -> Any:
    """One label may be given as a string, an image as the path of its file."""
    if name == "labels" and isinstance(value, str):
        return (value,)
    if name not in ("report", "labels") and isinstance(value, str | Path):
        return read_given(Path(value), canonical(name), f"given {name}: {value}")
    return value


def _copied(generator: Generator, to: Sequence[str], given: set[str]) -> tuple[str, ...]:
    """What of ``to`` is taken from what is given, where the generator does not take the request as it is."""
    both = tuple(name for name in to if name in given)
    made = [name for name in to if name not in given]
    if both and made and not any(task.allows(given, set(to)) for task in generator.tasks):
        check_task(generator, made, given)
        return both
    check_task(generator, to, given)
    return ()


def check_task(generator: Generator, to: Sequence[str], given: set[str]) -> None:
    """Refuse what the generator does not support.

    Raises:
        UserError: with the list of what it does.
    """
    if not any(task.allows(given, set(to)) for task in generator.tasks):
        tasks = "; ".join(str(task) for task in generator.tasks)
        raise UserError(
            f"{generator.source} does not make {', '.join(to)} from {', '.join(sorted(given)) or 'nothing'}; "
            f"it makes: {tasks}"
        )
