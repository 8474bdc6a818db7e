"""Pixels in a corpus's unit, brought to [0, 1]: what pixel metrics and embedders take."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthmed.fields import ImageField

HU_SHOWN = (-1024.0, 1024.0)
"""Of a CT in Hounsfield units: air to dense bone. Over all 4,096 values soft tissue would be one grey."""


def bounds(corpus_field: ImageField) -> tuple[float, float]:
    """The values that become 0 and 1: the field's own range, or `HU_SHOWN` for a CT in HU."""
    return HU_SHOWN if corpus_field.unit == "HU" else (corpus_field.low, corpus_field.high)


def unit(corpus_field: ImageField, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Values of that field, of any shape, as float32 in [0, 1]; what lies outside `bounds` is clipped.

    A windowed CT is [0, 1] over its window as it is stored, and stays so.
    """
    low, high = bounds(corpus_field)
    scaled = (np.asarray(values, np.float32) - np.float32(low)) / np.float32(high - low)
    clipped: npt.NDArray[np.float32] = np.clip(scaled, 0, 1)
    return clipped
