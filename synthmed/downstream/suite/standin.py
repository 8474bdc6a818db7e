"""The stand-in for a generator: an arm's own real rows, elastically deformed, so that a suite is proven before a model
is judged.

Elastic deformation is P. Simard et al.'s (ICDAR 2003), as MONAI's ``Rand2DElastic`` has it: random shifts of a coarse
grid's points, interpolated between them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import Rand2DElasticd

from synthmed.downstream.rows import Rows
from synthmed.downstream.truth import Boxes, Truth
from synthmed.training.randomness import Stream, derive

CELLS = 4
"""Cells of the grid along each side."""
SHIFT = (0.02, 0.05)
"""Bounds of the magnitude: the largest shift of a point of the grid, as a share of the side."""
_REVISION = 1
"""Raised whenever the same rows and seed would give others."""


def deformed(rows: Rows, n: int, seed: int, pixels: Path) -> Rows:
    """``n`` rows, each a real one deformed by a field of its own; the real ones are gone through in turn.

    Labels are kept. A label map moves with its image, pixel by pixel. A box becomes the bounding box of where the
    ellipse inside it has gone, if any of that is left: its corners, where the finding seldom is, would make it too
    large. What comes in from outside repeats the border.

    Args:
        pixels: the ``.npy`` file of the new rows' pixels.
    """
    size = (rows.pixels.shape[2], rows.pixels.shape[3])
    target = np.lib.format.open_memmap(pixels, mode="w+", dtype=np.float16, shape=(n, *rows.pixels.shape[1:]))
    deform = _transform(size)
    maps: list[npt.NDArray[np.uint8]] = []
    found: list[Boxes] = []
    places = np.arange(n) % len(rows)
    for number, place in enumerate(places.tolist()):
        deform.set_random_state(derive(seed, Stream.ITEM, number) % 2**32)
        item: dict[str, Any] = {"image": torch.from_numpy(rows.pixels[place].astype(np.float32))}
        if isinstance(rows.truth, tuple):
            item["areas"] = torch.from_numpy(_areas(rows.truth[place], size))
        elif rows.truth.ndim == 3:
            item["mask"] = torch.from_numpy(rows.truth[place][None].astype(np.float32))
        moved = deform(item)
        target[number] = moved["image"].clamp(0, 1).numpy().astype(np.float16)
        if "areas" in moved:
            found.append(_bounding(np.asarray(moved["areas"]), rows.truth[place]))
        elif "mask" in moved:
            maps.append(np.asarray(moved["mask"])[0].astype(np.uint8))
    target.flush()
    truth: Truth = tuple(found) if found else np.stack(maps) if maps else np.asarray(rows.truth)[places]
    return Rows(
        target,
        truth,
        tuple(rows.patients[place] for place in places),
        tuple(rows.attributes[place] for place in places),
        identity(rows, n, seed),
        tuple(f"{rows.keys[place]} deformed {number}" for number, place in enumerate(places)) if rows.keys else (),
    )


def identity(rows: Rows, n: int, seed: int) -> str:
    """sha256 of what `deformed` rows are a function of."""
    return hashlib.sha256(json.dumps([rows.digest, n, seed, CELLS, SHIFT, _REVISION]).encode()).hexdigest()


def _transform(size: tuple[int, int]) -> Any:
    return Rand2DElasticd(
        ("image", "mask", "areas"),
        spacing=(size[0] / CELLS, size[1] / CELLS),
        magnitude_range=(SHIFT[0] * max(size), SHIFT[1] * max(size)),
        prob=1.0,
        mode=("bilinear", "nearest", "bilinear"),
        padding_mode="border",
        allow_missing_keys=True,
    )


def _areas(row: Boxes, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(k, H, W) the ellipse inside each box: pixels whose middle it holds. Without boxes there is one empty area."""
    areas = np.zeros((max(len(row), 1), *size), np.float32)
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    for place, (top, left, bottom, right) in enumerate(row.corners.tolist()):
        across, down = max(right - left, 1) / 2, max(bottom - top, 1) / 2
        distance = ((rows - (top + bottom) / 2) / down) ** 2 + ((columns - (left + right) / 2) / across) ** 2
        areas[place] = distance <= 1
    return areas


def _bounding(areas: npt.NDArray[Any], row: Any) -> Boxes:
    corners, kept = [], []
    for place in range(len(row)):
        at = np.argwhere(areas[place] > 0.5)
        if len(at):
            corners.append([*at.min(0), *(at.max(0) + 1)])
            kept.append(place)
    chosen = np.array(kept, np.int64)
    return Boxes(np.array(corners, np.float32).reshape(-1, 4), row.categories[chosen], row.scores[chosen])
