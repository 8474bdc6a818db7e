"""A suite's real rows, opened, as its tasks see them, and kept in the run's folder."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydantic

from synthmed.data.record import Record
from synthmed.data.sources import SOURCES
from synthmed.data.sources.options import make_source, parse_options
from synthmed.downstream import TASKS
from synthmed.downstream.rows import Rows, read_rows
from synthmed.downstream.suite.rows_file import RowsFolder
from synthmed.downstream.suite.schema import RowsSpec, Suite, TaskKey, TaskSpec
from synthmed.downstream.tasks.task import Task
from synthmed.errors import UserError
from synthmed.evaluation.corpora.open import open_corpus
from synthmed.evaluation.corpora.records import RecordCorpus
from synthmed.evaluation.corpus import Corpus
from synthmed.problem import problem
from synthmed.registry import nearest

TRAIN, TEST, VALIDATION = "train", "test", "validation"
ROLES = (TRAIN, TEST, VALIDATION)


def build_task(spec: TaskSpec) -> Task:
    """The task that a suite describes.

    Raises:
        UserError: an option that it does not have, or of the wrong type.
    """
    kind = TASKS.get(spec.kind)
    names = [field.name for field in dataclasses.fields(kind) if field.init]
    where = f"task {spec.kind} of {spec.image}"
    for option in spec.options:
        if option not in names:
            raise UserError(f"{where}: no option {option!r}{nearest(option, names)}")
    try:
        made: Task = pydantic.TypeAdapter(kind).validate_python(
            {"image": spec.image, "names": spec.names, **spec.options}
        )
    except pydantic.ValidationError as error:
        raise UserError(f"{where}: option {problem(error)}") from None
    return made


class RealRows:
    """The corpora of a suite by role, and for each task the rows that it can use.

    A corpus is opened once for each size that tasks ask for.

    Raises:
        UserError: a place without rows; see `open_corpus`.
    """

    def __init__(self, suite: Suite, out: Path) -> None:
        self.suite, self._out = suite, out
        self._opened: dict[tuple[str, int | None], Corpus] = {}
        self.roles = tuple(role for role in ROLES if self._spec(role) is not None)

    def corpus(self, role: str, task: TaskSpec) -> Corpus:
        """The rows of ``train``, ``test`` or ``validation`` at the task's size."""
        spec = self._spec(role)
        if spec is None:
            raise KeyError(role)
        size = task.size or spec.size
        if (role, size) not in self._opened:
            self._opened[role, size] = open_corpus(
                placed(spec.place, self.suite),
                split=spec.split,
                size=size,
                image=spec.image,
                name=f"{self.suite.name}: {role}",
                window=spec.window,
                options=spec.options,
            )
        return self._opened[role, size]

    def digests(self) -> dict[str, str]:
        """Of each role's rows at each size that is asked for."""
        return {
            f"{role}{'' if size is None else f' at {size}'}": self.corpus(role, task).digest
            for task in self.suite.tasks
            for role in self.roles
            for size in [task.size or self._size(role)]
        }

    def rows(self, role: str, task: TaskSpec) -> Rows:
        """What the task sees of them, read now if the run's folder does not have them yet.

        Raises:
            UserError: none can be used; see `read_rows`.
        """
        corpus = self.corpus(role, task)
        question = build_task(task)
        return rows_folder(self._out, role, task.key).make(
            identity_of(corpus, task), lambda pixels: read_rows(corpus, question, usable(corpus, task), pixels)
        )

    def records(self, role: str) -> Iterator[Record]:
        """The records behind them, of all splits, with their images as the files hold them."""
        spec = self._spec(role)
        if spec is None:
            raise KeyError(role)
        return records_of(spec, self.suite)

    def _spec(self, role: str) -> RowsSpec | None:
        spec: RowsSpec | None = getattr(self.suite, role)
        return spec

    def _size(self, role: str) -> int | None:
        spec = self._spec(role)
        return None if spec is None else spec.size


def rows_folder(out: Path, name: str, task: TaskKey) -> RowsFolder:
    """Where rows of that name lie, as the task sees them."""
    return RowsFolder(out / "rows" / f"{name}-{'-'.join(task)}")


def identity_of(corpus: Corpus, task: TaskSpec) -> str:
    """Of what a task's rows are read from: equal, equal rows."""
    asked = json.dumps([corpus.digest, *task.key, task.names, task.options], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def usable(corpus: Corpus, task: TaskSpec) -> Sequence[int] | None:
    """Places of the rows that a task can be asked about at all: for a segmentation, those with a label map."""
    if task.kind == "segmentation" and isinstance(corpus, RecordCorpus) and task.image in corpus.images:
        places: list[int] = corpus.having(f"{task.image}.mask").tolist()
        return places
    return None


def placed(place: str, suite: Suite) -> str:
    """With the suite's root in the place of ``{root}``."""
    return place.replace("{root}", str(Path(suite.root).expanduser()))


def source_of(spec: RowsSpec, suite: Suite) -> tuple[str, Path, dict[str, Any]]:
    """A place's source, folder and options.

    Raises:
        UserError: it is neither a folder of shards nor ``SOURCE:PATH``.
    """
    place = placed(spec.place, suite)
    source, _, path = place.partition(":")
    if path and source in SOURCES and not Path(place).exists():
        return source, Path(path), parse_options(source, spec.options)
    if (Path(place) / "dataset.json").is_file():
        return "shards", Path(place), {}
    raise UserError(f"{place}: a suite's real rows are a folder of shards, or SOURCE:PATH (`synthmed ls sources`)")


def records_of(spec: RowsSpec, suite: Suite) -> Iterator[Record]:
    """A place's records, of all splits.

    Raises:
        UserError: see `source_of`.
    """
    source, path, options = source_of(spec, suite)
    return (row for row in make_source(source, options).records(path) if isinstance(row, Record))
