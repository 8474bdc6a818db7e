"""What the cells of a user's own tables and JSON files mean: image names, labels, boxes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from synthmed.errors import UserError
from synthmed.modality import MODALITIES, image_name
from synthmed.sample import NO_FINDING, Box

_FAR = 2**53
"""No pixel lies beyond it; infinities and NaN are not below it either."""


def image_field(name: str) -> str:
    """The canonical name of an image field that a user gave (``mri.t1`` is ``mri``).

    Raises:
        UserError: no such modality, or a mask's or text's name.
    """
    field = image_name(name)
    if field.mask or not MODALITIES.get(field.modality).channels:
        raise UserError(f"modality {name!r}: write the name of an image, as xray or mri.t2")
    return field.image


def labels_from(names: Iterable[str], negative: str) -> tuple[str, ...]:
    """Labels in their order, each once; the ``negative`` one is "no finding", and gives way to any finding."""
    wanted = [name.strip() for name in names]
    found = list(dict.fromkeys(name for name in wanted if name and name not in (negative, NO_FINDING)))
    if found:
        return tuple(found)
    return (NO_FINDING,) if any(wanted) else ()


def boxes_from(value: Any, image: str) -> tuple[Box, ...] | str:
    """Boxes from a list of objects ``label, x, y, w, h``, or from its JSON text; what is wrong, as a string."""
    if isinstance(value, str):
        if not value.strip():
            return ()
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            return f"boxes are not JSON: {error}"
    if not isinstance(value, list):
        return "boxes are not a list"
    boxes = []
    for entry in value:
        if not isinstance(entry, dict):
            return "a box is not an object of label, x, y, w, h"
        box = box_from(entry.get("label"), [entry.get(side) for side in "xywh"], image)
        if isinstance(box, str):
            return box
        boxes.append(box)
    return tuple(boxes)


def box_from(label: Any, sides: Any, image: str) -> Box | str:
    """A box from ``[x, y, width, height]``, or what is wrong with it."""
    if not isinstance(label, str) or not label:
        return "a box without a label"
    if not isinstance(sides, list) or len(sides) != 4 or not all(_is_number(side) for side in sides):
        return "a box is not four numbers x, y, width, height"
    x, y, width, height = (float(side) for side in sides)
    if width <= 0 or height <= 0:
        return f"a box of {width:g} x {height:g} pixels"
    return Box(image, label, x, y, width, height)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_FAR < value < _FAR
