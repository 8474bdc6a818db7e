"""A corpus's pixels a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpus import Corpus

BATCH = 32


def batches(
    corpus: Corpus, image: str, places: npt.NDArray[np.int64], size: int = BATCH
) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Which of ``places`` come, and their pixels (n, C, H, W) in the field's unit; never more than ``size`` rows."""
    for start in range(0, len(places), size):
        part = slice(start, min(start + size, len(places)))
        yield part, corpus.pixels(image, places[part].tolist())
