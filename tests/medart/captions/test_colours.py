"""Colour spaces and colour names."""

from __future__ import annotations

import numpy as np
import pytest

from synthmed.medart.captions.embedded.colours import names_of, palette
from synthmed.medart.captions.embedded.lab import to_lab


# Published values for sRGB's corners under D65, as of B. Lindbloom's calculator (http://www.brucelindbloom.com).
@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((255, 255, 0), (97.14, -21.55, 94.48)),
        ((255, 255, 255), (100, 0, 0)),
        ((119, 119, 119), (50.03, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((10, 10, 10), (2.74, 0, 0)),
    ],
)
def test_lab_has_the_published_values(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert to_lab(np.array(rgb, np.uint8)) == pytest.approx(lab, abs=0.03)


# Levels from the colour survey of xkcd (https://xkcd.com/color/rgb/), where people named colours on their screens.
@pytest.mark.parametrize(
    ("level", "word"),
    [
        ("#653700", "brown"),
        ("#341c02", "dark brown"),
        ("#ad8150", "light brown"),
        ("#d1b26f", "tan"),
        ("#840000", "dark red"),
        ("#e50000", "red"),
        ("#ff796c", "salmon"),
        ("#7e1e9c", "purple"),
        ("#9a0eea", "violet"),
        ("#15b01a", "green"),
        ("#00035b", "dark blue"),
        ("#929591", "grey"),
        ("#363737", "dark grey"),
        ("#000000", "black"),
        ("#ffffff", "white"),
        ("#ffff14", "yellow"),
        ("#f97306", "orange"),
    ],
)
def test_names_are_what_people_say(level: str, word: str) -> None:
    rgb = np.array([int(level[place : place + 2], 16) for place in (1, 3, 5)], np.uint8)
    assert names_of(to_lab(rgb)[None]) == [word]


def test_a_palette_has_the_shares_of_its_colours() -> None:
    pixels = np.zeros((1000, 3), np.uint8)
    pixels[:600] = (74, 44, 28)
    pixels[600:950] = (190, 45, 45)
    pixels[950:] = (0, 160, 0)
    first, second = palette(to_lab(pixels))
    assert (first.name, first.share) == ("dark brown", pytest.approx(0.6))
    assert (second.name, second.share) == ("red", pytest.approx(0.35))
    with pytest.raises(ValueError, match="needs a pixel"):
        palette(np.empty((0, 3)))


def test_one_colour_is_one_shade_and_a_palette_is_repeatable() -> None:
    flat = to_lab(np.full((500, 3), 128, np.uint8))
    assert [(shade.name, shade.share) for shade in palette(flat)] == [("grey", 1.0)]
    noisy = to_lab(np.random.default_rng(0).integers(0, 255, (5000, 3), dtype=np.uint8))
    assert palette(noisy) == palette(noisy)
