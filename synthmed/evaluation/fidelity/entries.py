"""The fidelity metrics, as the registry lists them."""

from __future__ import annotations

from typing import Any

from synthmed.registry import Entry

_ROOM = "synthmed.evaluation.fidelity"

ENTRIES: tuple[Entry[Any], ...] = (
    Entry("kid", "kernel distance of features (unbiased), beside real against real", f"{_ROOM}.kid:KID"),
    Entry("fid", "Fréchet distance of features, beside real against real at the same n", f"{_ROOM}.fid:FID"),
    Entry(
        "precision_recall",
        "synthetic rows within the real rows' neighbourhoods, and the other way round",
        f"{_ROOM}.neighbours:PrecisionRecall",
    ),
    Entry(
        "density_coverage",
        "real neighbourhoods that hold synthetic rows: how many a row, and how many at all",
        f"{_ROOM}.neighbours:DensityCoverage",
    ),
    Entry(
        "intensity",
        "Wasserstein distance of pixel values, in the image's unit (HU for CT)",
        f"{_ROOM}.intensity:Intensity",
    ),
    Entry("texture", "distances of power spectra (dB), local variation and edges", f"{_ROOM}.texture:Texture"),
)
