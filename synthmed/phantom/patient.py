"""One patient: frame, findings and anatomy, drawn from one stream of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthmed.phantom.anatomy import Anatomy, draw_anatomy
from synthmed.phantom.findings import Finding, Wanted, draw_findings, draw_wanted
from synthmed.phantom.frame import Frame
from synthmed.phantom.lesions import Lesion, main_level, place_lesion
from synthmed.phantom.solids import Ellipsoids


@dataclass(frozen=True)
class Patient:
    """Everything the images and the report show.

    Attributes:
        anatomy: with the heart as it is, enlarged or not.
        usual_heart: the heart's ellipsoids as they would be without cardiomegaly.
        lesions: the findings' solids, the main finding first.
        level: z in mm of the axial slice.
    """

    frame: Frame
    anatomy: Anatomy
    usual_heart: Ellipsoids
    lesions: tuple[Lesion, ...]
    level: float

    @property
    def findings(self) -> list[Finding]:
        """The main finding first."""
        return [lesion.finding for lesion in self.lesions]


def draw_patient(rng: np.random.Generator, wanted: Sequence[Wanted] | None = None) -> Patient:
    """A random patient; ``wanted`` fixes exactly which findings it has."""
    frame = Frame.draw(rng)
    findings = draw_findings(rng, frame, draw_wanted(rng) if wanted is None else wanted)
    usual = float(rng.uniform(0.405, 0.475))
    heart = next((f.size_mm / frame.thoracic_width for f in findings if f.kind == "cardiomegaly"), usual)
    raised = {f.side: 0.16 * f.size_mm for f in findings if f.kind == "atelectasis"}
    anatomy = draw_anatomy(rng, frame, max(heart, usual), (raised.get("right", 0.0), raised.get("left", 0.0)))
    lesions = tuple(place_lesion(rng, finding, anatomy) for finding in findings)
    return Patient(frame, anatomy, anatomy.heart(usual), lesions, main_level(lesions, rng, frame))
