"""Rows to MONAI datasets: each part's pipeline over its records, cached as the recipe says."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from monai.data import CacheDataset, Dataset, PersistentDataset
from monai.data.utils import pickle_hashing
from monai.transforms import Compose
from torch.utils import data as torch_data

from synthmed.data.assemble import Assembled, Row
from synthmed.data.loading import LoadRecord
from synthmed.data.pipeline import build_pipeline
from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.modality import MODALITIES, image_name
from synthmed.registry import resolve

_DEFAULT = ""
"""The pipeline's name where a part names none."""


class RecordDataset(torch_data.Dataset[dict[str, Any]]):
    """The items of one split, in the order of its rows by pipeline; a map-style dataset for any loader of MONAI's.

    Attributes:
        rows: the rows, in the items' order.
        transform: of all items; ``transform.set_random_state(seed)`` fixes what the random ones draw next.
    """

    def __init__(self, spec: DataSpec, found: Assembled, split: str, *, trust: bool = False) -> None:
        """Build the pipelines and fill the cache.

        Raises:
            UserError: there is no such split, a pipeline cannot be built, or, while the cache is filled, a file cannot
                be read.
        """
        if split not in found.splits:
            raise UserError(f"the data have no split {split!r}; they have: {', '.join(found.splits)}")
        groups: dict[str, list[Row]] = {}
        for row in found.splits[split]:
            groups.setdefault(row.pipeline or _DEFAULT, []).append(row)
        self.rows = [row for rows in groups.values() for row in rows]
        load = LoadRecord(found.labels, found.mask_names, spec.box_image, found.box_names)
        composes = [Compose([load, *_pipeline(spec, name, rows, trust).transforms]) for name, rows in groups.items()]
        self.transform = _All(composes)
        with _Unwrapped():
            self._parts = [
                _cached(spec, [row.record for row in rows], compose)
                for rows, compose in zip(groups.values(), composes, strict=True)
            ]
        self._ends = list(itertools.accumulate(len(rows) for rows in groups.values()))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The item of ``rows[index]``.

        Raises:
            UserError: its file cannot be read, or a transform refuses it.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} of {len(self)}")
        index %= len(self)
        part = bisect.bisect_right(self._ends, index)
        with _Unwrapped():
            item: dict[str, Any] = self._parts[part][index - (self._ends[part - 1] if part else 0)]
        return item


class _All:
    """The transforms of all parts, as the one thing that a seeded loader knows how to seed."""

    def __init__(self, composes: Sequence[Compose]) -> None:
        self.composes = tuple(composes)

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> _All:
        for compose in self.composes:
            compose.set_random_state(seed, state)
        return self


class _Unwrapped:
    """MONAI wraps what a transform raises in RuntimeErrors; the user's mistake comes out as it was."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError) and cause is not error:
                raise cause from None
            cause = cause.__cause__


def _cached(spec: DataSpec, records: list[Any], compose: Compose) -> torch_data.Dataset[Any]:
    if spec.cache == "memory":
        return CacheDataset(records, compose, num_workers=2, progress=False)
    if spec.cache == "disk":
        # Its files are tensors that torch reads without unpickling objects; affines would need that.
        return PersistentDataset(records, compose, spec.cache_folder, hash_transform=pickle_hashing)
    return Dataset(records, compose)


def _pipeline(spec: DataSpec, name: str, rows: Sequence[Row], trust: bool) -> Compose:
    if name != _DEFAULT:
        return build_pipeline(spec.pipelines[name], where=f"data.pipelines.{name}", trust=trust)
    keys: dict[str, list[str]] = {}
    for image in sorted({image for row in rows for image in row.record.images}):
        keys.setdefault(image_name(image).modality, []).append(image)
    # Each modality's default, on its own images: rows of several have them one after the other.
    steps: list[Any] = []
    for modality, images in keys.items():
        default: Any = resolve(MODALITIES.get(modality).transforms)
        steps.append(default(images, spec.size))
    return Compose(steps)
