"""How the fields of a dataset are stored: member names, bit depths and scales, as ``dataset.json`` declares them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pydantic

from synthmed.errors import UserError
from synthmed.modality import MODALITIES, image_name
from synthmed.problem import problem
from synthmed.sample import Image


@dataclass(frozen=True)
class ImageField:
    """One image of every sample: ``<name>.png``.

    A stored level q stands for ``q * slope + intercept`` in ``unit``. ``low`` and ``high`` bound the value in memory.

    Attributes:
        window: (low, high) in HU of a ``windowed`` CT, whose values are [0, 1]; None elsewhere.
        mask: label names by value of the label map beside the image, ``("background", …)``; empty where it has none.
    """

    name: str
    channels: int = 1
    bits: int = 8
    low: float = 0.0
    high: float = 1.0
    slope: float = 1.0 / 255.0
    intercept: float = 0.0
    unit: str = "1"
    window: tuple[float, float] | None = None
    mask: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, *, mask: tuple[str, ...] = (), window: tuple[float, float] | None = None) -> ImageField:
        """The modality's own storage; ``window`` makes it a windowed CT in [0, 1]."""
        modality = MODALITIES.get(image_name(name).modality)
        if window is not None:
            return cls(name, modality.channels, unit="windowed", window=window, mask=mask)
        step = modality.step or (modality.high - modality.low) / (2**modality.bits - 1)
        return cls(
            name,
            modality.channels,
            modality.bits,
            modality.low,
            modality.high,
            step,
            modality.low,
            modality.unit,
            None,
            mask,
        )

    @property
    def levels(self) -> int:
        """The highest stored level in use."""
        return min(round((self.high - self.low) / self.slope), (1 << self.bits) - 1)

    def quantise(self, image: Image) -> np.ndarray[Any, Any]:
        """(C, H, W) values to stored levels, uint8 or uint16, the range's ends for what is outside, 0 for NaN."""
        levels = np.rint((image.astype(np.float64) - self.intercept) / self.slope)
        # fmax and fmin take the other argument where one is not a number.
        bounded = np.fmin(np.fmax(levels, 0), self.levels)
        return np.asarray(bounded.astype(np.uint8 if self.bits == 8 else np.uint16))

    def dequantise(self, levels: np.ndarray[Any, Any]) -> Image:
        """Stored levels to (C, H, W) float32 values."""
        return (levels.astype(np.float64) * self.slope + self.intercept).astype(np.float32)


@dataclass(frozen=True)
class Layout:
    """What every sample of a dataset holds.

    Attributes:
        images: by name, in the order in which they are shown.
        report: whether there is a ``report.txt``.
        mask_only: images whose mask is stored without the image itself.
        attributes: type (``str``, ``int``, ``float``, ``bool``) of each of the samples' attributes, by name.
    """

    images: Mapping[str, ImageField] = field(default_factory=dict)
    report: bool = True
    mask_only: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)

    def members(self) -> list[str]:
        """Member suffixes of one sample in a shard, sorted."""
        names = ["json"] + (["report.txt"] if self.report else [])
        for name, image in self.images.items():
            if name not in self.mask_only:
                names.append(f"{name}.png")
            if image.mask:
                names.append(f"{name}.mask.png")
        return sorted(names)

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``dataset.json``."""
        images = {name: {**asdict(image), "stored": name not in self.mask_only} for name, image in self.images.items()}
        images = json.loads(json.dumps(images))  # tuples become the lists that a reader gets
        return {"report": self.report, "images": images, "attributes": dict(self.attributes)}

    @classmethod
    def from_json(cls, data: Any, where: str) -> Layout:
        """Read a ``dataset.json``'s fields, which may come from a stranger.

        Raises:
            UserError: a key is missing or of the wrong type; names ``where``.
        """
        try:
            stored = _STORED.validate_json(json.dumps(data))
            images = {name: ImageField(**entry.model_dump(exclude={"stored"})) for name, entry in stored.images.items()}
            for name, image in images.items():
                if str(image_name(name)) != name or image.name != name:
                    raise ValueError(f"images.{name}: the name is {image.name!r}")
                if image.channels not in (1, 3) or image.bits not in (8, 16):
                    raise ValueError(f"images.{name}: {image.channels} channels of {image.bits} bits")
            if "model_config" in stored.attributes:
                raise ValueError("attributes: pydantic, which checks the records, has no field model_config")
        except pydantic.ValidationError as error:
            raise UserError(f"{where}: fields: {problem(error)}; make the dataset again") from None
        except (ValueError, UserError) as error:
            raise UserError(f"{where}: fields: {error}; make the dataset again") from None
        mask_only = frozenset(name for name, entry in stored.images.items() if not entry.stored)
        return cls(images, stored.report, mask_only, stored.attributes)


_STRICT = pydantic.ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class _Image(pydantic.BaseModel):
    model_config = _STRICT
    name: str
    channels: int
    bits: int
    low: float
    high: float
    slope: pydantic.PositiveFloat
    intercept: float
    unit: str
    window: tuple[float, float] | None
    mask: Annotated[tuple[str, ...], pydantic.Field(max_length=256)]
    stored: bool


class _Layout(pydantic.BaseModel):
    model_config = _STRICT
    report: bool
    images: dict[str, _Image]
    attributes: dict[
        Annotated[str, pydantic.Field(pattern="^[a-z][a-z0-9_]*$")], Literal["str", "int", "float", "bool"]
    ]


_STORED = pydantic.TypeAdapter(_Layout)
