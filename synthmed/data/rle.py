"""Run lengths of the SIIM-ACR pneumothorax challenge."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from synthmed.errors import UserError

_PAIRS = re.compile(r"\d{1,9} \d{1,9}( \d{1,9} \d{1,9})*\Z")


def decode_rle(text: str, rows: int, columns: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The (1, rows, columns) uint8 mask, 0 or 1, of ``"gap length gap length …"``; ``-1`` and ``""`` are empty.

    A gap counts from the end of the run before it, and pixels run down the columns, as in the challenge's
    ``mask_functions.rle2mask`` (read in HKU-MedAI/MGCA:mgca/datasets/segmentation_dataset.py).

    Raises:
        UserError: not such pairs, or a run that ends outside the image.
    """
    text = " ".join(text.split())
    mask = np.zeros(rows * columns, np.uint8)
    if text not in ("", "-1"):
        if not is_rle(text):
            raise UserError(f"run lengths {text[:40]!r}: write pairs of a gap and a length, neither negative")
        numbers = [int(number) for number in text.split()]
        if sum(numbers) > mask.size:
            raise UserError(f"run lengths {text[:40]!r}: they end at {sum(numbers)} of {rows} × {columns} pixels")
        end = 0
        for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
            mask[end + gap : end + gap + length] = 1
            end += gap + length
    return mask.reshape(columns, rows).T[None].copy()


def is_rle(text: str) -> bool:
    """Whether the text is ``-1``, the challenge's empty mask, or pairs of whole numbers."""
    return text == "-1" or bool(_PAIRS.match(text))
