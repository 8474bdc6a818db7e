"""Connected components of label maps, and their bounding boxes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from synthmed.phantom.axial import Map
from synthmed.phantom.kinds import KINDS
from synthmed.phantom.solids import Bool
from synthmed.phantom.tissue import MASK_NAMES
from synthmed.sample import Box

TOUCHING = np.ones((3, 3), dtype=np.int8)
"""Pixels that touch at a corner are one component."""


def drop_specks(pixels: Bool, least: int) -> Bool:
    """Remove the components of fewer than ``least`` pixels from a (H, W) map."""
    from scipy import ndimage

    components, count = ndimage.label(pixels, TOUCHING)
    if count <= 1:
        return pixels & (int(pixels.sum()) >= least)
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    return np.asarray(sizes[components] >= least)


def boxes_of(mask: Map, image: str, kinds: Collection[str]) -> list[Box]:
    """One box round every component of the ``kinds`` in a (H, W) mask, in the order of the mask's values."""
    from scipy import ndimage

    boxes = []
    for kind in KINDS:
        if kind not in kinds:
            continue
        components, _ = ndimage.label(mask == MASK_NAMES.index(kind), TOUCHING)
        for rows, columns in ndimage.find_objects(components):
            size = float(columns.stop - columns.start), float(rows.stop - rows.start)
            boxes.append(Box(image, kind, float(columns.start), float(rows.start), *size))
    return boxes


def for_image(boxes: Sequence[Box], image: str, kinds: Collection[str]) -> list[Box]:
    """The boxes of the ``kinds`` as those of another image on the same pixels."""
    return [replace(box, image=image) for box in boxes if box.category in kinds]
