"""Transforms of what is given, as undersampling it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor

from synthmed.data.pipeline import build_pipeline
from synthmed.generation.given import Rows, content_hash_of_rows, texts_of
from synthmed.generation.given_transforms import as_given, seeded_row


class GivenPipeline(Sequence[Mapping[str, Any]]):
    """Rows whose images and masks go through a recipe's transforms; reports and labels stay.

    Random transforms are seeded by the row's number, so that a row is the same in every process. CT comes back to HU,
    whatever window a step shows it in.

    Args:
        rows: as they are given.
        steps: mappings of ``_target_`` and arguments; see `synthmed.data.pipeline.build_pipeline`. Images are
            (C, rows, columns) float32 in their modality's unit.

    Raises:
        UserError: a step that cannot be built; when a row is asked for, what a step refuses.
    """

    def __init__(self, rows: Rows, steps: Sequence[Mapping[str, Any]]) -> None:
        self._rows = rows
        self._steps = list(steps)
        self._compose = build_pipeline(steps, where="pipeline")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        row = self._rows[number]
        images = {name: value for name, value in row.items() if isinstance(value, np.ndarray)}
        item: Any = {name: MetaTensor(torch.from_numpy(value)) for name, value in images.items()}
        # One by one: MONAI's Compose would wrap what a step says is wrong in RuntimeErrors.
        with seeded_row(self._compose, number, "pipeline"):
            for step in self._compose.transforms:
                item = step(item)
        return {name: as_given(item, name, "pipeline") if name in images else value for name, value in row.items()}

    def texts(self) -> list[dict[str, Any]]:
        """The rows' reports and labels; no image is opened."""
        return texts_of(self._rows)

    def content_hash(self) -> str:
        """sha256 over the rows and the steps."""
        text = json.dumps([content_hash_of_rows(self._rows), self._steps], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
