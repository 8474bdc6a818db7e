"""The settings of a dataset, as a recipe and the command line give them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pydantic

from synthmed.errors import UserError
from synthmed.generation.given import GivenFile, Rows

DEFAULT_MODEL = "phantom"


class Settings(pydantic.BaseModel):
    """What ``synthmed generate`` is told; each field is an option of the same name.

    Attributes:
        model: a model's name or folder.
        to: names of what each sample holds; all that the model makes by default.
        given: a CSV or JSONL file of conditions, whose rows are cycled.
        labels: one condition for all samples.
        out: folder or URL; ``./synthmed-<model>-n<n>-s<seed>`` by default.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: str = DEFAULT_MODEL
    n: int = 1000
    seed: int = 0
    to: list[str] | None = None
    given: Path | None = None
    labels: list[str] | None = None
    shard_size: int | None = None
    workers: int | None = None
    out: str | None = None

    @property
    def place(self) -> str:
        """Where the dataset goes."""
        return self.out or f"./synthmed-{PurePath(self.model).name}-n{self.n}-s{self.seed}"

    def condition(self) -> Mapping[str, Any] | Rows | None:
        """What the samples are conditioned on.

        Raises:
            UserError: both ``given`` and ``labels``, or a file that cannot be read.
        """
        if self.given is not None and self.labels is not None:
            raise UserError("given and labels: give one of them")
        if self.given is not None:
            return GivenFile(self.given)
        return {"labels": tuple(self.labels)} if self.labels is not None else None
