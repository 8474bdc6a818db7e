"""What a folder of shards says about itself: ``dataset.json``, read as a stranger's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from synthmed.errors import UserError
from synthmed.fields import Layout
from synthmed.generation.plan import PREFIX, shard_name
from synthmed.generation.urls import filesystem, join, read_bounded
from synthmed.problem import problem

MAX_BYTES = 2**24
MAX_SHARDS = 10**6
_STATS = re.compile(rf"{PREFIX}-\d{{6,}}\.stats\.json\Z")
_Count = Annotated[int, pydantic.Field(ge=0)]
_Positive = Annotated[int, pydantic.Field(ge=1)]
_STRICT = pydantic.ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class DatasetInfo:
    """A finished dataset.

    Attributes:
        url: the folder.
        n: samples in all; ``shard_size`` in every shard but the last, which has the rest.
        to: names of what each sample holds, in the order in which they were asked for.
        labels: the vocabulary, without "no finding".
        plan: the content fields of the plan.
        accepted: samples that passed the quality checks.
        duplicates: samples that equal an earlier one.
    """

    url: str
    n: int
    shards: int
    shard_size: int
    layout: Layout
    to: tuple[str, ...]
    labels: tuple[str, ...]
    plan: Mapping[str, Any]
    accepted: int
    duplicates: int

    def tar(self, shard: int) -> str:
        """The URL of a shard's tar."""
        return join(self.url, f"{shard_name(shard)}.tar")


class _File(pydantic.BaseModel):
    model_config = _STRICT
    format: Literal[1]
    synthetic: Literal[True]
    n: _Positive
    shards: Annotated[int, pydantic.Field(ge=1, le=MAX_SHARDS)]
    fields: dict[str, Any]
    labels: list[str]
    label_counts: dict[str, _Count]
    json_schema: dict[str, Any]
    plan: dict[str, Any]
    accepted: _Count
    duplicates: _Count


class _Size(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    n: _Positive
    shard_size: _Positive
    to: list[str]


def read_dataset_json(url: str | Path) -> DatasetInfo:
    """Read a folder's ``dataset.json``.

    Raises:
        UserError: the folder holds no finished dataset, or the file is not what synthmed writes.
    """
    where = join(url, "dataset.json")
    try:
        text = read_bounded(where, MAX_BYTES)
    except FileNotFoundError:
        raise UserError(_missing(url)) from None
    try:
        file = _File.model_validate_json(text)
        size = _Size.model_validate(file.plan)
    except pydantic.ValidationError as error:
        raise UserError(f"{where}: {problem(error)}; make the dataset again") from None
    if size.n != file.n or file.shards != -(-file.n // size.shard_size):
        raise UserError(
            f"{where}: n = {file.n} and {file.shards} shards, but the plan has n = {size.n} in shards of "
            f"{size.shard_size}; make the dataset again"
        )
    layout = Layout.from_json(file.fields, where)
    return DatasetInfo(
        str(url),
        file.n,
        file.shards,
        size.shard_size,
        layout,
        tuple(size.to),
        tuple(file.labels),
        file.plan,
        file.accepted,
        file.duplicates,
    )


def _missing(url: str | Path) -> str:
    """Why there is no ``dataset.json``: unfinished, or not a dataset at all."""
    try:
        size = _Size.model_validate_json(read_bounded(join(url, "plan.json"), MAX_BYTES))
    except (FileNotFoundError, pydantic.ValidationError):
        return f"{url}: no dataset.json, so this is not a folder that `synthmed generate` has finished"
    fs, path = filesystem(url)
    done = sum(bool(_STATS.match(str(file).rpartition("/")[2])) for file in fs.ls(path, detail=False))
    return f"{url}: unfinished: {done} of {-(-size.n // size.shard_size)} shards; run the same command again"
