"""The kinds of finding the phantom can have: where each can be, and how large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LOBES = {
    "right": ("upper lobe", "middle lobe", "lower lobe"),
    "left": ("upper lobe", "lingula", "lower lobe"),
}
RIBS = {side: tuple(f"{n}th rib" for n in range(4, 10)) for side in ("right", "left")}


@dataclass(frozen=True)
class Kind:
    """One kind of finding.

    Attributes:
        places: the places by side (``right``, ``left``, or ``""`` for a midline finding).
        size: least and greatest size in mm; what is measured is in ``measure``.
        moderate, severe: sizes in mm from which the finding is no longer mild, and from which it is severe.
        measure: what ``size`` means.
        weight: how often it is drawn, relative to the others.
    """

    places: Mapping[str, tuple[str, ...]]
    size: tuple[int, int]
    moderate: int
    severe: int
    measure: str
    weight: float = 1.0

    def severity(self, size_mm: int) -> str:
        """``mild``, ``moderate`` or ``severe``."""
        return "mild" if size_mm < self.moderate else "moderate" if size_mm < self.severe else "severe"


_PLEURA = {"right": ("pleural space",), "left": ("pleural space",)}
_HILA = {"right": ("hilum",), "left": ("hilum",)}

KINDS: dict[str, Kind] = {
    "nodule": Kind(LOBES, (5, 30), 12, 20, "diameter", 1.4),
    "mass": Kind(LOBES, (31, 70), 42, 55, "diameter"),
    "consolidation": Kind(LOBES, (40, 95), 55, 75, "extent", 1.2),
    "pleural effusion": Kind(_PLEURA, (12, 70), 25, 45, "depth of the fluid at the diaphragm", 1.2),
    "pneumothorax": Kind(_PLEURA, (8, 42), 16, 28, "gap between lung and lateral chest wall"),
    "cardiomegaly": Kind({"": ("heart",)}, (125, 195), 148, 166, "transverse width of the heart", 1.1),
    "atelectasis": Kind(LOBES, (40, 90), 55, 72, "length of the plate"),
    "rib lesion": Kind(RIBS, (8, 34), 15, 25, "diameter", 0.8),
    "mediastinal enlargement": Kind({"": ("superior mediastinum",)}, (30, 75), 42, 58, "diameter of the nodes", 0.8),
    "hilar enlargement": Kind(_HILA, (24, 55), 32, 43, "diameter of the nodes", 0.8),
}
"""Every kind by its label, in the order of the mask's values."""
