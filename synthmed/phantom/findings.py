"""A patient's findings: which, where and how large, drawn at random or as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from synthmed.phantom.frame import Frame
from synthmed.phantom.kinds import KINDS, LOBES

SIDES = ("right", "left")


@dataclass(frozen=True)
class Finding:
    """One finding as a radiologist would dictate it; ``side`` is ``""`` in the midline."""

    kind: str
    side: str
    place: str
    size_mm: int
    severity: str

    def to_json(self) -> dict[str, str | int]:
        """Its attributes by name."""
        return asdict(self)


@dataclass(frozen=True)
class Wanted:
    """A finding that the request fixes; what is None is drawn."""

    kind: str
    side: str | None = None
    place: str | None = None
    size_mm: int | None = None


def draw_wanted(rng: np.random.Generator) -> list[Wanted]:
    """Which kinds a patient has when nothing is given: none for about one patient in four, at most three."""
    count = int(rng.choice(4, p=[0.25, 0.42, 0.25, 0.08]))
    weight = np.array([kind.weight for kind in KINDS.values()])
    kinds = rng.choice(len(KINDS), size=count, replace=False, p=weight / weight.sum())
    return [Wanted(list(KINDS)[k]) for k in kinds]


def draw_findings(rng: np.random.Generator, frame: Frame, wanted: Sequence[Wanted]) -> list[Finding]:
    """Fill in what ``wanted`` leaves open, in its order, the main finding first.

    Findings of the lung keep to a lobe of their own and effusion and pneumothorax to a side of their own, unless
    the request says otherwise.
    """
    findings: list[Finding] = []
    for want in wanted:
        kind = KINDS[want.kind]
        sides = [side for side in kind.places if want.side in (None, side)] or list(kind.places)
        spots = [
            (side, place)
            for side in sides
            for place in kind.places[side]
            if want.place in (None, place) or want.place not in kind.places[side]
        ]
        free = [spot for spot in spots if not any(_clash(want.kind, spot, other) for other in findings)]
        side, place = (free or spots)[int(rng.integers(len(free or spots)))]
        size = want.size_mm if want.size_mm is not None else draw_size(rng, frame, want.kind)
        findings.append(Finding(want.kind, side, place, size, kind.severity(size)))
    return findings


def draw_size(rng: np.random.Generator, frame: Frame, kind: str) -> int:
    """A size in mm; an enlarged heart's is at least 0.54 of this patient's thorax."""
    if kind == "cardiomegaly":
        return round(float(rng.uniform(0.54, 0.66)) * frame.thoracic_width)
    low, high = KINDS[kind].size
    return int(rng.integers(low, high + 1))


def _clash(kind: str, spot: tuple[str, str], other: Finding) -> bool:
    side, place = spot
    if "pleural space" in (place, other.place):
        return place == other.place and side == other.side
    return KINDS[kind].places is LOBES and (side, place) == (other.side, other.place)
