"""What a copy may have gone through: the alterations that are planted to learn what a detector finds."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Picture = npt.NDArray[np.float32]
Alteration = Callable[[Picture, np.random.Generator], Picture]
"""(C, H, W) in [0, 1] and a source of strengths to the same shape in [0, 1]."""


def flip(picture: Picture, rng: np.random.Generator) -> Picture:
    """Left to right, top to bottom, or both, each as likely."""
    axes = ((2,), (1,), (1, 2))[rng.integers(3)]
    return np.ascontiguousarray(np.flip(picture, axes))


def crop(picture: Picture, rng: np.random.Generator) -> Picture:
    """A window of 70 to 95 % of each side, anywhere, brought back to the full size."""
    scale = rng.uniform(0.7, 0.95)
    corner = rng.uniform(0, 1 - scale, 2)
    return _window(picture, scale, corner * picture.shape[1:], "nearest")


def shift(picture: Picture, rng: np.random.Generator) -> Picture:
    """Moved by up to 10 % of a side along each axis; black comes in."""
    return _window(picture, 1.0, rng.uniform(-0.1, 0.1, 2) * picture.shape[1:], "constant")


def rotation(picture: Picture, rng: np.random.Generator) -> Picture:
    """Turned about the centre by up to 10 degrees; black comes in."""
    angle = np.radians(rng.uniform(-10, 10))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array(picture.shape[1:]) / 2 - 0.5
    return _clip(_each(picture, lambda grey: ndimage.affine_transform(grey, turn, centre - turn @ centre, order=1)))


def gamma(picture: Picture, rng: np.random.Generator) -> Picture:
    """To the power of 0.7 to 1.5."""
    return _clip(picture ** rng.uniform(0.7, 1.5))


def noise(picture: Picture, rng: np.random.Generator) -> Picture:
    """Gaussian, independent by pixel, of a deviation up to 5 % of the range."""
    return _clip(picture + rng.normal(0, rng.uniform(0, 0.05), picture.shape))


def blur(picture: Picture, rng: np.random.Generator) -> Picture:
    """Gaussian, of σ up to 1.5 pixels."""
    sigma = rng.uniform(0, 1.5)
    return _clip(_each(picture, lambda grey: ndimage.gaussian_filter(grey, sigma)))


def jpeg(picture: Picture, rng: np.random.Generator) -> Picture:
    """Compressed and opened again, at a quality of 30 to 95."""
    levels = np.rint(picture * 255).astype(np.uint8)
    image = Image.fromarray(levels[0]) if len(levels) == 1 else Image.fromarray(levels.transpose(1, 2, 0))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(rng.integers(30, 96)))
    opened = np.asarray(Image.open(buffer), dtype=np.float32) / np.float32(255)
    planes: Picture = opened[None] if opened.ndim == 2 else np.ascontiguousarray(opened.transpose(2, 0, 1))
    return planes


ALTERATIONS: Mapping[str, Alteration] = {
    "flip": flip,
    "rotation": rotation,
    "crop": crop,
    "shift": shift,
    "gamma": gamma,
    "blur": blur,
    "noise": noise,
    "jpeg": jpeg,
}
"""By name, in the order in which `in_turn` does them: what moves the picture, then its light, then what degrades it."""


def in_turn(alterations: Mapping[str, Alteration]) -> Alteration:
    """All of them, one after another, each with a strength of its own."""

    def altered(picture: Picture, rng: np.random.Generator) -> Picture:
        for alteration in alterations.values():
            picture = alteration(picture, rng)
        return picture

    return altered


def _window(picture: Picture, scale: float, corner: npt.NDArray[np.float64], outside: str) -> Picture:
    """What starts at ``corner`` (row, column) and is ``scale`` of the picture's size; pixels are squares."""
    offset = corner + (scale - 1) / 2
    matrix = np.eye(2) * scale
    return _clip(_each(picture, lambda grey: ndimage.affine_transform(grey, matrix, offset, order=1, mode=outside)))


def _each(picture: Picture, change: Callable[[Picture], Picture]) -> Picture:
    return np.stack([change(channel) for channel in picture])


def _clip(values: npt.NDArray[np.floating]) -> Picture:
    clipped: Picture = np.clip(values, 0, 1).astype(np.float32)
    return clipped
