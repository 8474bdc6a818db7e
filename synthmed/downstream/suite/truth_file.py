"""Truths and predictions as safetensors files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from synthmed.downstream.truth import Boxes, Truth
from synthmed.errors import UserError
from synthmed.evaluation.results import write

_MAX_BYTES = 2**36
_BOXES = ("corners", "categories", "scores")


def save_truth(path: Path, truth: Truth) -> None:
    """Write it whole or not at all: ``rows`` alone, or ``counts`` of boxes a row and the boxes one after another."""
    if not isinstance(truth, tuple):
        write(path, save({"rows": np.ascontiguousarray(truth)}))
        return
    counts = np.array([len(row) for row in truth], np.int64)
    corners = np.concatenate([np.zeros((0, 4), np.float32), *(row.corners for row in truth)])
    categories = np.concatenate([np.zeros(0, np.int64), *(row.categories for row in truth)])
    scores = np.concatenate([np.zeros(0, np.float32), *(row.scores for row in truth)])
    write(path, save({"counts": counts, "corners": corners, "categories": categories, "scores": scores}))


def load_truth(path: Path, n: int) -> Truth:
    """What `save_truth` wrote.

    Args:
        n: how many rows it must have.

    Raises:
        UserError: it is missing, damaged, or of another number of rows.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"over {_MAX_BYTES} bytes")
        found = load(path.read_bytes())
        if "rows" in found:
            rows = found["rows"]
            if len(rows) != n:
                raise ValueError(f"{len(rows)} rows, not {n}")
            return rows
        counts, corners, categories, scores = (found[name] for name in ("counts", *_BOXES))
        if len(counts) != n or not len(corners) == len(categories) == len(scores) == counts.sum():
            raise ValueError(f"boxes of {len(counts)} rows, not of {n}, or not as many as they say")
        ends = np.cumsum(counts)
        return tuple(
            Boxes(corners[end - count : end], categories[end - count : end], scores[end - count : end])
            for end, count in zip(ends.tolist(), counts.tolist(), strict=True)
        )
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); remove it, and the same command makes it again") from None
