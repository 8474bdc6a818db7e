from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

Make = Callable[..., MetaTensor]


@pytest.fixture
def make() -> Make:
    """A MetaTensor as `LoadRecord` gives it."""

    def make(values: Any, spacing: tuple[float, float] = (2.0, 3.0), **meta: Any) -> MetaTensor:
        affine = torch.diag(torch.tensor([*spacing, 1.0, 1.0], dtype=torch.float64))
        meta = {"filename_or_obj": "a", "original_affine": affine.clone(), **meta}
        return MetaTensor(torch.as_tensor(np.ascontiguousarray(values)), affine=affine, meta=meta)

    return make


@pytest.fixture
def picture() -> np.ndarray:
    """(1, 40, 56) float32 in [0, 1]: smooth, with edges, dark around, nowhere symmetric."""
    row, column = np.mgrid[:40, :56].astype(np.float32)
    body = np.exp(-(((row - 18) / 12) ** 2) - ((column - 30) / 16) ** 2)
    body[12:17, 20:28] += 0.4
    body[25:28, 33:50] -= 0.3
    return np.clip(body, 0, 1)[None].astype(np.float32)
