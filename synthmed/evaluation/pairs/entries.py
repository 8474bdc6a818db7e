"""This room's metrics, by where they are found."""

from __future__ import annotations

from typing import Any

from synthmed.registry import Entry

ENTRIES: tuple[Entry[Any], ...] = (
    Entry(
        "psnr",
        "peak signal-to-noise ratio to the real image of the same key, in dB",
        "synthmed.evaluation.pairs.psnr:PSNR",
    ),
    Entry("ssim", "structural similarity to the real image of the same key", "synthmed.evaluation.pairs.ssim:SSIM"),
    Entry(
        "niqe",
        "how unlike real images' the local statistics are (NIQE, fitted on the real images)",
        "synthmed.evaluation.pairs.niqe:NIQE",
    ),
)
