"""Numbers to words: the limits between small and large, round and oval, sharp and fuzzy."""

from __future__ import annotations

from collections.abc import Sequence

from synthmed.medart.captions.embedded.measure import Measures
from synthmed.medart.captions.embedded.outline import Outline

# Limits of lesions and of fields; a slice through a body is full of edges, and its grain is three times as large.
_GRAIN = ((1.6, "smooth"), (3.2, "finely mottled"), (5.0, "mottled"), (1e9, "coarse"))
_COUNTS = ((1, "a single"), (4, "a few"), (8, "several"), (14, "about a dozen"), (1e9, "many"))
_OVAL, _LONG = 0.82, 0.5
_WHOLE, _CONVEX = 0.85, 0.88
_EVEN = 2.5
"""Difference of L* that an eye hardly sees between two halves."""


def size(extent: float) -> str:
    """Small below a tenth of the picture, large from three tenths."""
    return "small" if extent < 0.1 else "medium-sized" if extent < 0.3 else "large"


def form(outline: Outline) -> str:
    """Round, oval or elongated where it is much like an ellipse; irregular otherwise."""
    if outline.ellipse_overlap < _WHOLE or outline.solidity < _CONVEX:
        return "irregular"
    return "round" if outline.axis_ratio >= _OVAL else "oval" if outline.axis_ratio >= _LONG else "elongated"


def border(outline: Outline) -> str:
    """By the outline's length over its ellipse's."""
    return "smooth" if outline.roughness < 1.05 else "slightly irregular" if outline.roughness < 1.13 else "irregular"


def edge(sharpness: float) -> str:
    """By the part of the colour's change that a width of three pixels in 160 holds."""
    return "sharp" if sharpness > 0.26 else "fairly clear" if sharpness > 0.15 else "fuzzy"


def symmetry(outline: Outline) -> str:
    """By the overlap with the mirror images, as the A of the dermoscopic ABCD rule counts axes."""
    symmetric = sum(overlap > 0.84 for overlap in outline.symmetry)
    return ("asymmetric", "symmetric about one axis", "symmetric")[symmetric]


def texture(grain: float, *, body: bool) -> str:
    """By the lightness' deviation from its local mean."""
    return _first(grain / 3 if body else grain, _GRAIN)


def count(number: int) -> str:
    """A loose number, as an eye gives it."""
    return _first(number, _COUNTS)


def brightness(lightness: float) -> str:
    """By the mean L*."""
    return "dark" if lightness < 35 else "of medium brightness" if lightness < 65 else "bright"


def contrast(measures: Measures) -> str:
    """By the foreground's distance from its background, or, without one, by the spread of lightness."""
    if measures.background:
        levels: Sequence[tuple[float, str]] = ((20, "low"), (40, "moderate"), (1e9, "high"))
        return _first(measures.stands_out, levels)
    return _first(measures.contrast, ((8, "low"), (15, "moderate"), (1e9, "high")))


def side(difference: float, first: str, second: str) -> str:
    """Which of two halves is brighter; "" where none is."""
    return "" if abs(difference) < _EVEN else first if difference > 0 else second


def spot_place(place: tuple[float, float]) -> str:
    """Where in the picture, in thirds: "centre", "upper left part". Left is the picture's left side."""
    row = "" if 1 / 3 < place[0] < 2 / 3 else "upper" if place[0] <= 1 / 3 else "lower"
    column = "" if 1 / 3 < place[1] < 2 / 3 else "left" if place[1] <= 1 / 3 else "right"
    words = " ".join(word for word in (row, column) if word)
    return f"{words} part" if words else "centre"


def joined(words: Sequence[str]) -> str:
    """One, "one and two", "one, two and three"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _first(value: float, levels: Sequence[tuple[float, str]]) -> str:
    return next(word for limit, word in levels if value <= limit)
