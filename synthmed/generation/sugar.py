"""A few samples from a generator, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthmed.generation.environment import worker_threads
from synthmed.generation.given import Rows
from synthmed.generation.plan import make_plan
from synthmed.generation.render import render_batch
from synthmed.load import load_model
from synthmed.protocols import Generator
from synthmed.sample import Sample


def generate(
    model: str | Path | Generator,
    to: Sequence[str] | None = None,
    given: Mapping[str, Any] | Rows | None = None,
    n: int = 1,
    seed: int = 0,
) -> list[Sample]:
    """Make ``n`` samples in memory: those that ``synthmed generate`` writes for the same n, seed, to and given.

    A class may take this as a method (``generate = generate``), with itself as the model.

    Args:
        model: a name or a folder for `load_model`, or a generator.
        to: names of what each sample holds (``report``, ``xray``, ``mri.t2``, ``ct.mask`` …); the generator's default
            if None.
        given: one condition for all samples, by the same names, or rows of them that the samples cycle through.

    Raises:
        UserError: a name is unknown, or the generator does not support the task.
    """
    generator = load_model(model) if isinstance(model, str | Path) else model
    plan = make_plan(generator, n, seed=seed, to=to, given=given)
    with worker_threads():
        return [
            sample
            for shard in range(plan.shards)
            for batch in plan.batches(shard)
            for sample in render_batch(generator, plan, batch)
        ]
