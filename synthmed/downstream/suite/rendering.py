"""Rows that a model makes for a run: what it is asked for, and the asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthmed.downstream.suite.generators import fields_of
from synthmed.downstream.suite.schema import GeneratorSpec, TaskSpec
from synthmed.errors import SynthmedError
from synthmed.evaluation.corpus import Corpus
from synthmed.generation.engine import generate_dataset
from synthmed.generation.listener import Listener
from synthmed.sample import NO_FINDING
from synthmed.training.randomness import Stream, derive

_BLOCK = 512


@dataclass(frozen=True)
class Request:
    """What a model is asked for a set.

    Attributes:
        given: conditions that its samples cycle through, None for none.
        note: in words.
    """

    n: int
    seed: int
    to: tuple[str, ...]
    given: tuple[Mapping[str, Any], ...] | None
    note: str


def request_for(
    spec: GeneratorSpec, model: Any, corpus: Corpus, tasks: Sequence[TaskSpec], n: int, seed: int,
    among: frozenset[str] | None = None,
) -> Request:  # fmt: skip
    """``n`` samples for tasks, prompted by the label sets of real training rows in a random order.

    Of the labels those that the model knows; no prompts where it takes no labels, or no real row says any.

    Args:
        among: keys of the rows that may prompt; all where None.
    """
    to = tuple(fields_of(tasks))
    if spec.prompts == "none" or not any(task.allows({"labels"}, set(to)) for task in model.tasks):
        return Request(n, seed, to, None, "Not prompted.")
    places = corpus.having(tasks[0].image)
    order = places[np.random.default_rng(derive(seed, Stream.ORDER)).permutation(len(places))]
    known = {*model.labels, NO_FINDING}
    rows: list[Mapping[str, Any]] = []
    for start in range(0, len(order), _BLOCK):
        for facts in corpus.facts(order[start : start + _BLOCK].tolist()):
            labels = tuple(label for label in facts.labels if label in known)
            if labels and (among is None or facts.key in among):
                rows.append({"labels": labels})
        if len(rows) >= n:
            break
    if not rows:
        return Request(n, seed, to, None, "Not prompted: the real rows have no label that it knows.")
    words = "the training rows" if among is None else "the rows of its draw"
    return Request(n, seed, to, tuple(rows[:n]), f"Prompted by the label sets of {words} in turn.")


def render(
    model: Any,
    folder: Path,
    request: Request,
    workers: int,
    on_sample: Callable[[int, int], None],
) -> None:
    """Have a model make the shards of tasks' rows, going on from what is there.

    Raises:
        UserError: the model does not make what the tasks need.
        SynthmedError: shards failed.
    """
    report = generate_dataset(
        model if workers == 0 else model.source,
        folder,
        request.n,
        seed=request.seed,
        to=request.to,
        given=request.given,
        workers=workers,
        listener=_Told(request.n, on_sample),
    )
    if report.failed:
        raise SynthmedError(f"{folder.name}: {next(iter(report.failed.values()))}; the same command tries again")


class _Told(Listener):
    def __init__(self, n: int, on_sample: Callable[[int, int], None]) -> None:
        self._n, self._done, self._tell = n, 0, on_sample

    def progress(self, samples: int) -> None:
        self._done += samples
        self._tell(self._done, self._n)
