"""What can be told of a picture: for each trait, which sentences fit and the words to put into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from synthmed.medart.captions.domain import Wording
from synthmed.medart.captions.embedded import levels
from synthmed.medart.captions.embedded.measure import Measures

Fact = tuple[str, Mapping[str, str]]
"""The key of the sentences in ``wording.yaml``, and the words for their places."""
_BORDER_FROM = 0.02


def fact(trait: str, measures: Measures, wording: Wording) -> Fact | None:
    """What the picture says about a trait; None where it says nothing.

    Raises:
        KeyError: there is no such trait.
    """
    return _TRAITS[trait](measures, wording)


def trait_names() -> list[str]:
    """Every trait, sorted."""
    return sorted(_TRAITS)


def _colour(seen: Measures, _: Wording) -> Fact:
    first, *others = [shade.name for shade in seen.colours]
    # Three words are what a reader keeps.
    words = {"colour": first, "others": levels.joined(others[:2]) if others else ""}
    return ("colour.several", words) if others else ("colour.one", words)


def _darkest(seen: Measures, _: Wording) -> Fact | None:
    if seen.darkest == seen.colours[0].name:
        return None
    return "darkest", {"colour": seen.darkest}


def _background(seen: Measures, _: Wording) -> Fact | None:
    return ("background", {"colour": seen.background}) if seen.background else None


def _extent(seen: Measures, wording: Wording) -> Fact:
    # Many cells that cover much are not large cells.
    key = "extent.many" if wording.foreground == "cells" else "extent.one"
    return key, {"size": levels.size(seen.extent), "percent": str(max(1, round(100 * seen.extent)))}


def _shape(seen: Measures, _: Wording) -> Fact | None:
    if seen.outline is None:
        return None
    form = levels.form(seen.outline)
    if form in ("round", "irregular"):
        return "shape.plain", {"form": form}
    angle = seen.outline.angle
    turn = "vertical" if 67.5 < angle < 112.5 else "horizontal" if angle < 22.5 or angle > 157.5 else "oblique"
    return "shape.turned", {"form": form, "turn": turn}


def _border(seen: Measures, _: Wording) -> Fact | None:
    # A few pixels' border is smooth whatever it was in the picture.
    large = seen.extent >= _BORDER_FROM
    return ("border", {"border": levels.border(seen.outline)}) if seen.outline and large else None


def _edge(seen: Measures, _: Wording) -> Fact | None:
    return ("edge", {"edge": levels.edge(seen.edge)}) if seen.edge is not None else None


def _symmetry(seen: Measures, _: Wording) -> Fact | None:
    return ("symmetry", {"symmetry": levels.symmetry(seen.outline)}) if seen.outline else None


def _texture(seen: Measures, wording: Wording) -> Fact:
    return "texture", {"texture": levels.texture(seen.grain, body=wording.foreground == "body")}


def _lines(seen: Measures, wording: Wording) -> Fact | None:
    if not wording.lines:
        return None
    if seen.lines < 0.005:
        # What cannot be made out in a whole field, as a retina's vessels, may be there all the same.
        return ("lines.none", {"lines": wording.lines}) if wording.foreground == "lesion" else None
    return ("lines.many" if seen.lines > 0.02 else "lines.some"), {"lines": wording.lines}


def _brightness(seen: Measures, _: Wording) -> Fact:
    return "brightness", {"brightness": levels.brightness(seen.brightness)}


def _contrast(seen: Measures, _: Wording) -> Fact:
    return ("contrast.apart" if seen.background else "contrast.within"), {"contrast": levels.contrast(seen)}


def _sides(seen: Measures, _: Wording) -> Fact:
    brighter = levels.side(seen.sides, "left", "right")
    return ("sides.one", {"side": brighter}) if brighter else ("sides.even", {})


def _vertical(seen: Measures, _: Wording) -> Fact | None:
    brighter = levels.side(seen.vertical, "upper", "lower")
    return ("vertical", {"half": brighter}) if brighter else None


def _centre(seen: Measures, _: Wording) -> Fact | None:
    brighter = levels.side(seen.centre, "lighter", "darker")
    return ("centre", {"shade": brighter}) if brighter else None


def _position(seen: Measures, _: Wording) -> Fact:
    return "position", {"place": levels.spot_place(seen.place)}


def _dark_area(seen: Measures, _: Wording) -> Fact | None:
    area = seen.dark_area
    return ("dark_area", {"place": levels.spot_place(area.place)}) if area and area.share < 0.3 else None


def _bright_area(seen: Measures, _: Wording) -> Fact | None:
    area = seen.bright_area
    return ("bright_area", {"place": levels.spot_place(area.place)}) if area and area.share < 0.3 else None


def _highlights(seen: Measures, _: Wording) -> Fact:
    return ("highlights.some" if seen.highlights > 0.004 else "highlights.none"), {}


def _rim(seen: Measures, _: Wording) -> Fact | None:
    return ("rim", {}) if seen.rim > 0.01 else None


def _view(seen: Measures, _: Wording) -> Fact:
    return ("view.rim" if seen.rim > 0.05 else "view.full"), {}


def _count(seen: Measures, _: Wording) -> Fact:
    number = {"count": levels.count(seen.count), "number": str(seen.count)}
    return ("count.one", number) if seen.count <= 1 else ("count.many", number)


def _lungs(seen: Measures, _: Wording) -> Fact | None:
    share = sum(seen.lungs)
    if share < 0.05:
        return None
    return "lungs", {"size": levels.size(share), "percent": str(round(100 * share))}


def _lung_sides(seen: Measures, _: Wording) -> Fact | None:
    left, right = seen.lungs
    if left + right < 0.05:
        return None
    if abs(left - right) < 0.25 * max(left, right):
        return "lung_sides.even", {}
    return "lung_sides.one", {"side": "left" if left > right else "right"}


_TRAITS: Mapping[str, Callable[[Measures, Wording], Fact | None]] = {
    "colour": _colour,
    "darkest": _darkest,
    "background": _background,
    "extent": _extent,
    "shape": _shape,
    "border": _border,
    "edge": _edge,
    "symmetry": _symmetry,
    "texture": _texture,
    "lines": _lines,
    "brightness": _brightness,
    "contrast": _contrast,
    "sides": _sides,
    "vertical": _vertical,
    "centre": _centre,
    "position": _position,
    "dark_area": _dark_area,
    "bright_area": _bright_area,
    "highlights": _highlights,
    "rim": _rim,
    "view": _view,
    "count": _count,
    "lungs": _lungs,
    "lung_sides": _lung_sides,
}
