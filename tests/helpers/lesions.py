"""Drawn lesions whose colour, form and extent are known: skin, light, noise and all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

COLOURS = {
    "black": (22, 18, 18),
    "dark brown": (74, 44, 28),
    "brown": (122, 74, 44),
    "light brown": (165, 116, 82),
    "red": (190, 45, 45),
    "dark red": (112, 28, 30),
    "blue-grey": (98, 108, 126),
    "purple": (100, 50, 105),
    "grey": (128, 128, 128),
    "white": (248, 246, 244),
}
"""Levels that a person calls so; jittered by a few levels when drawn."""
SKINS = ((224, 172, 150), (214, 178, 158), (232, 190, 172), (205, 160, 140), (226, 196, 176))
FORMS = ("round", "oval", "irregular")
EXTENTS = {"small": (0.025, 0.075), "medium": (0.13, 0.26), "large": (0.36, 0.5)}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture (H, W, 3) uint8, and what is in it."""

    pixels: npt.NDArray[np.uint8]
    colour: str
    form: str
    size: str
    share: float
    region: npt.NDArray[np.bool_]


def draw(rng: np.random.Generator, colour: str, form: str, size: str, side: int = 192, blur: float = 1.0) -> Drawn:
    """One lesion on skin with uneven light and noise."""
    share = rng.uniform(*EXTENTS[size])
    reach = 0.1 if size != "large" else 0.03
    rows, columns = np.indices((side, side)) - side / 2
    rows, columns = rows - rng.uniform(-reach, reach) * side, columns - rng.uniform(-reach, reach) * side
    ratio = {"round": rng.uniform(0.92, 1.0), "oval": rng.uniform(0.58, 0.72), "irregular": rng.uniform(0.8, 1.0)}[form]
    turn = rng.uniform(0, np.pi)
    along = columns * np.cos(turn) + rows * np.sin(turn)
    across = (rows * np.cos(turn) - columns * np.sin(turn)) / ratio
    angle = np.arctan2(across, along)
    waves = np.ones_like(angle)
    if form == "irregular":
        for order in (3, 5, 7):
            waves += rng.uniform(0.10, 0.18) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    region = _of_share(np.hypot(along, across) / waves, share)
    levels = np.array(COLOURS[colour]) + rng.uniform(-4, 4, 3)
    skin = np.array(SKINS[rng.integers(len(SKINS))]) + rng.uniform(-5, 5, 3)
    soft = ndimage.gaussian_filter(region.astype(float), blur)[..., None]
    light = 1 + rng.uniform(-0.06, 0.06) * rows / side + rng.uniform(-0.06, 0.06) * columns / side
    image = (soft * levels + (1 - soft) * skin) * light[..., None] + rng.normal(0, 5, (side, side, 3))
    return Drawn(np.clip(image, 0, 255).round().astype(np.uint8), colour, form, size, float(region.mean()), region)


def _of_share(distance: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.bool_]:
    """The pixels nearest to the middle that make up so much of the picture."""
    return np.asarray(distance <= np.quantile(distance, share), bool)
