"""CT windows: Hounsfield units to [0, 1] and back."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, ScaleIntensityRange
from monai.utils import convert_to_tensor

from synthmed.errors import UserError
from synthmed.registry import nearest

Window: TypeAlias = tuple[float, float]

HU_WINDOWS: Mapping[str, Window] = MappingProxyType(
    {
        "lung": (-1350.0, 150.0),
        "mediastinum": (-125.0, 225.0),
        "bone": (-500.0, 1300.0),
        "brain": (0.0, 80.0),
        "liver": (-45.0, 105.0),
    }
)
"""(low, high) HU, as level ± width / 2 of the usual values: lung W 1500 L -600, mediastinum W 350 L 50, bone W 1800
L 400, brain W 80 L 40, liver W 150 L 30 (Murphy et al., Windowing (CT), https://radiopaedia.org/articles/52108)."""


class HUWindowd(MapTransform):
    """CT images in HU to [0, 1] over a window, clipped; `meta["window"]` is then the window, (low, high) HU.

    An image that is [0, 1] over a window of its own (``meta["window"]``) goes back to HU over that one first.

    Args:
        keys: CT images, (1, rows, columns).
        window: a name of `HU_WINDOWS`, (low, high) in HU, or "none", which leaves HU alone.
        lossy: take an image whose own window does not contain the asked one, too; its values beyond are lost.

    Raises:
        UserError: no such window; or, unless ``lossy``, an image's own window does not contain it. All HU ("none") are
            contained in none.
    """

    def __init__(
        self,
        keys: KeysCollection,
        window: str | Sequence[float] = "mediastinum",
        lossy: bool = False,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.window = read_window(window)
        self.lossy = lossy

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with windowed images."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self._windowed(convert_to_tensor(item[key], track_meta=True), key)
        return item

    def _windowed(self, image: MetaTensor, key: Hashable) -> MetaTensor:
        own = window_of(image)
        if own == self.window:
            return image
        if own is not None and not self.lossy and not _contains(own, self.window):
            asked = "all HU" if self.window is None else "window ({:g}, {:g})".format(*self.window)
            raise UserError(
                f"{key}: its values have the window ({own[0]:g}, {own[1]:g}) HU alone, and {asked} is asked; "
                "ask a window inside, or set lossy"
            )
        hounsfield = to_hounsfield(image)
        if self.window is None:
            return hounsfield
        windowed = cast(MetaTensor, ScaleIntensityRange(*self.window, 0.0, 1.0, clip=True)(hounsfield))
        windowed.meta["window"] = self.window
        return windowed


class HounsfieldUnitsd(MapTransform):
    """The inverse of `HUWindowd`: [0, 1] over ``meta["window"]`` to HU; an image without one is in HU already.

    What the window had clipped stays at its edges.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with images in HU."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = to_hounsfield(convert_to_tensor(item[key], track_meta=True))
        return item


def read_window(window: str | Sequence[float]) -> Window | None:
    """(low, high) HU of a name or a pair; None for "none".

    Raises:
        UserError: no such name, or not two finite numbers of which the first is smaller.
    """
    if isinstance(window, str):
        if window == "none":
            return None
        if window not in HU_WINDOWS:
            raise UserError(
                f"there is no CT window {window!r}{nearest(window, HU_WINDOWS)}; or write [low, high] in HU"
            )
        return HU_WINDOWS[window]
    numbers = tuple(float(bound) for bound in window)
    if len(numbers) != 2 or not all(map(math.isfinite, numbers)) or numbers[0] >= numbers[1]:
        raise UserError(f"CT window {list(window)}: write [low, high] in HU, low below high")
    return numbers[0], numbers[1]


def window_of(image: MetaTensor) -> Window | None:
    """(low, high) HU over which the values are [0, 1]; None where they are HU."""
    window = image.meta.get("window")
    return None if window is None else (float(window[0]), float(window[1]))


def to_hounsfield(image: MetaTensor) -> MetaTensor:
    """An image in HU without ``meta["window"]``; the image itself where it is in HU."""
    window = window_of(image)
    if window is None:
        return image
    hounsfield = cast(MetaTensor, ScaleIntensityRange(0.0, 1.0, *window)(image))
    del hounsfield.meta["window"]
    return hounsfield


def _contains(own: Window, asked: Window | None) -> bool:
    return asked is not None and own[0] <= asked[0] and asked[1] <= own[1]
