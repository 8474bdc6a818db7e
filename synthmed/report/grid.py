"""Contact sheets: many small pictures in one PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image


def grey_levels(image: npt.NDArray[np.floating], low: float, high: float) -> npt.NDArray[np.uint8]:
    """(C, H, W) values to (H, W, 3) uint8, ``low`` black and ``high`` white; C is 1 or 3."""
    scaled = np.clip((image.astype(np.float64) - low) / max(high - low, 1e-12), 0, 1)
    levels = np.rint(np.nan_to_num(scaled) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(levels.transpose(1, 2, 0), (*levels.shape[1:], 3)))


def contact_sheet(pictures: Sequence[npt.NDArray[np.uint8]], columns: int = 8, cell: int = 128) -> bytes:
    """(H, W, 3) uint8 pictures of any sizes as the PNG of a grid, each fitted into a square cell on black.

    Raises:
        ValueError: there is no picture.
    """
    if not pictures:
        raise ValueError("a contact sheet needs a picture")
    columns = min(columns, len(pictures))
    sheet = Image.new("RGB", (columns * cell, -(-len(pictures) // columns) * cell))
    for place, picture in enumerate(pictures):
        tile = Image.fromarray(picture)
        scale = cell / max(tile.size)
        width, height = (max(1, round(side * scale)) for side in tile.size)
        tile = tile.resize((width, height), Image.Resampling.BICUBIC)
        row, column = divmod(place, columns)
        sheet.paste(tile, (column * cell + (cell - width) // 2, row * cell + (cell - height) // 2))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()
