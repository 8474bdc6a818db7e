"""What kinds of image there are, and the names by which a sample's fields are asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthmed.errors import UserError
from synthmed.registry import Entry, Registry

_PART = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True)
class Modality:
    """One kind of image.

    Attributes:
        summary: one line for ``synthmed ls modalities``.
        channels: 1 (grey) or 3 (RGB); ``text`` has none.
        low, high: the range of values in memory, inclusive.
        unit: the unit of those values; ``"1"`` where they have none.
        bits: 8 or 16 stored bits a channel.
        step: the size of one stored grey level in ``unit``; None spreads the range over all levels.
        contrasts: known contrast names, the first of which is the bare name's (``mri`` is ``mri.t1``).
        spatial_dims: 2 for slices and projections; 0 for text.
        transforms: ``"module:function"`` of the default pipeline: ``(keys, size)`` to a MONAI `Compose` that brings
            items' images of this kind, and their masks, to squares in the range that models take.
    """

    name: str
    summary: str
    channels: int = 1
    low: float = 0.0
    high: float = 1.0
    unit: str = "1"
    bits: int = 8
    step: float | None = None
    contrasts: tuple[str, ...] = ()
    spatial_dims: int = 2
    transforms: str = "synthmed.data.transforms.defaults:fit"


MODALITIES: Registry[Modality] = Registry(
    "modalities",
    [
        Entry(modality.name, modality.summary, modality)
        for modality in (
            Modality("text", "reports and captions, UTF-8", channels=0, spatial_dims=0, transforms=""),
            Modality(
                "xray",
                "projection radiographs, [0, 1], bone is bright",
                transforms="synthmed.data.transforms.defaults:xray",
            ),
            Modality(
                "ct",
                "CT slices in Hounsfield units, 16 bit",
                low=-1024.0,
                high=3071.0,
                unit="HU",
                bits=16,
                step=1.0,
                transforms="synthmed.data.transforms.defaults:ct",
            ),
            Modality(
                "mri",
                "MRI slices, [0, 1], one field a contrast",
                contrasts=("t1", "t2", "pd", "flair", "t1c"),
                transforms="synthmed.data.transforms.defaults:mri",
            ),
            Modality(
                "photo",
                "colour photographs (skin, fundus, endoscopy, smears), RGB in [0, 1]",
                channels=3,
                transforms="synthmed.data.transforms.defaults:photo",
            ),
        )
    ],
)


@dataclass(frozen=True)
class ImageName:
    """``<modality>[.<contrast>][.mask]``, taken apart."""

    modality: str
    contrast: str = ""
    mask: bool = False

    @property
    def image(self) -> str:
        """The image's name without ``.mask``; the first contrast has the modality's bare name."""
        return f"{self.modality}.{self.contrast}" if self.contrast else self.modality

    def __str__(self) -> str:
        return f"{self.image}.mask" if self.mask else self.image


def image_name(name: str) -> ImageName:
    """Read an image or mask name into its canonical parts (``mri.t1`` is ``mri``).

    Raises:
        UserError: the modality is not registered, or a part is not a lower-case identifier.
    """
    modality, *rest = name.split(".")
    mask = bool(rest) and rest[-1] == "mask"
    if mask:
        rest.pop()
    if len(rest) > 1 or not all(_PART.match(part) for part in rest):
        raise UserError(f"{name!r} is not an image name: write <modality>[.<contrast>][.mask], as in mri.t2.mask")
    contrasts = MODALITIES.get(modality).contrasts
    contrast = rest[0] if rest else ""
    if contrasts and contrast == contrasts[0]:
        contrast = ""
    return ImageName(modality, contrast, mask)


def canonical(name: str) -> str:
    """The one spelling of a field that may be asked for: ``report``, ``labels``, an image or a mask."""
    return name if name in ("report", "labels") else str(image_name(name))
