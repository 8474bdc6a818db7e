"""The diversity metrics, as the registry lists them."""

from __future__ import annotations

from typing import Any

from synthmed.registry import Entry

_ROOM = "synthmed.evaluation.diversity"

ENTRIES: tuple[Entry[Any], ...] = (
    Entry("vendi", "effective number of different images, beside that of as many real ones", f"{_ROOM}.vendi:Vendi"),
    Entry(
        "ms_ssim", "similarity within the set, over random pairs and within prompt or labels", f"{_ROOM}.ms_ssim:MSSSIM"
    ),
    Entry(
        "duplicates",
        "images that repeat another one, to the pixel or nearly (difference hash)",
        f"{_ROOM}.duplicates:Duplicates",
    ),
)
