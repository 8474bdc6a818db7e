"""The Sample: one synthetic patient's text, images, masks, boxes and labels, as arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.uint8]
Scalar: TypeAlias = str | int | float | bool
Pairing: TypeAlias = Literal["anatomy", "text"]

NO_FINDING = "no finding"
NOT_STATED = "not stated"
"""The label of a sample that follows a given text or image, whose findings nobody has named."""


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in pixels of ``image``: ``x`` is the left column, ``y`` the top row (COCO's xywh)."""

    image: str
    category: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Provenance:
    """Where a sample came from; the engine fills it in.

    Attributes:
        index: position in the dataset.
        seed: the noise seed that made the accepted attempt.
        attempt: how many earlier attempts the quality checks rejected.
        sampler: name of the sampler, ``""`` for a generator without one.
        pairing: what the images of one sample share: the same ``anatomy``, or only the ``text``.
    """

    index: int = 0
    seed: int = 0
    attempt: int = 0
    model: str = ""
    model_fingerprint: str = ""
    sampler: str = ""
    pairing: Pairing = "anatomy"


@dataclass(frozen=True)
class Quality:
    """What the per-sample checks found; ``problems`` are ``check:field`` joined by ``;``, ``""`` for a sound sample."""

    accepted: bool = True
    problems: str = ""


@dataclass
class Sample:
    """One record of a dataset. Every sample of a dataset has the same fields.

    Attributes:
        images: by name (``xray``, ``mri.t2``): (C, H, W) float32 = channels, rows, columns, in the modality's unit.
        masks: label maps by the *image's* name: (1, H, W) uint8, aligned with that image.
        report: the report, or None where the dataset has no text.
        labels: the patient's findings; ``["no finding"]`` where there are none, ``["not stated"]`` where nobody named
            them; never empty.
        labels_by_image: which of them can be seen in each image; the same rule.
        boxes: of all images.
        spacing: (row, column) pixel size in mm by image name; (1, 1) where it is not known.
        prompt: the text that conditioned the sample, ``""`` for none.
        attributes: further facts, with the same keys and types in every sample of a dataset.
    """

    images: dict[str, Image] = field(default_factory=dict)
    masks: dict[str, Mask] = field(default_factory=dict)
    report: str | None = None
    labels: list[str] = field(default_factory=lambda: [NO_FINDING])
    labels_by_image: dict[str, list[str]] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)
    spacing: dict[str, tuple[float, float]] = field(default_factory=dict)
    prompt: str = ""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    key: str = ""
    provenance: Provenance = field(default_factory=Provenance)
    quality: Quality = field(default_factory=Quality)
