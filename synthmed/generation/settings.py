"""The settings of a dataset, as a recipe and the command line give them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pydantic

from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.generation.given import GivenFile, Rows

DEFAULT_MODEL = "phantom"
_CONDITIONS = ("given", "labels", "data")


class Settings(pydantic.BaseModel):
    """What ``synthmed generate`` is told; each field is an option of the same name, or a recipe's alone.

    Attributes:
        model: a model's name, folder or hub id.
        to: names of what each sample holds; all that the model makes by default.
        given: a CSV or JSONL file of conditions, or files or folders by field name; the rows are cycled.
        labels: one condition for all samples.
        data: real data whose records are the conditions, as in a training recipe; a recipe's alone.
        take: which fields of ``data`` are given.
        pipeline: transforms of what is given, as mappings with ``_target_``; a recipe's alone.
        out: folder or URL; ``./synthmed-<model>-n<n>-s<seed>`` by default.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: str = DEFAULT_MODEL
    n: int = 1000
    seed: int = 0
    to: list[str] | None = None
    given: Path | dict[str, Path] | None = None
    labels: list[str] | None = None
    data: DataSpec | None = None
    take: list[str] = []
    pipeline: list[dict[str, Any]] = []
    shard_size: int | None = None
    workers: int | None = None
    out: str | None = None

    @property
    def place(self) -> str:
        """Where the dataset goes."""
        return self.out or f"./synthmed-{PurePath(self.model).name}-n{self.n}-s{self.seed}"

    def told(self, **values: Any) -> Settings:
        """With the values that are not None; a condition takes the place of whichever the recipe has."""
        known = {name: value for name, value in values.items() if value is not None}
        if known.keys() & set(_CONDITIONS):
            known = {**dict.fromkeys(_CONDITIONS), **known}
        return self.model_copy(update=known)

    def condition(self) -> Mapping[str, Any] | Rows | None:
        """What the samples are conditioned on.

        Raises:
            UserError: more than one of ``given``, ``labels`` and ``data``, or files that cannot be read.
        """
        if sum(getattr(self, name) is not None for name in _CONDITIONS) > 1:
            raise UserError("given, labels and data: give one of them")
        rows = self._rows()
        if rows is None:
            return {"labels": tuple(self.labels)} if self.labels is not None else None
        if not self.pipeline:
            return rows
        from synthmed.generation.given_pipeline import GivenPipeline

        return GivenPipeline(rows, self.pipeline)

    def _rows(self) -> Rows | None:
        if self.data is not None:
            # MONAI's transforms and the readers take seconds to import, which other conditions need not wait.
            from synthmed.generation.given_data import GivenData

            return GivenData(self.data, self.take)
        if isinstance(self.given, dict):
            from synthmed.generation.given_paths import rows_of_paths

            return GivenFile("given", rows_of_paths(self.given))
        return None if self.given is None else GivenFile(self.given)
