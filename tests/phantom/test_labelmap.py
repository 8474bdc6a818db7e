"""Boxes against flood-filled components."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from synthmed.phantom.kinds import KINDS
from synthmed.phantom.labelmap import boxes_of, drop_specks, for_image
from synthmed.phantom.tissue import MASK_NAMES


def components(pixels: np.ndarray) -> list[set[tuple[int, int]]]:
    """8-connected components by flood fill."""
    left, found = {tuple(map(int, at)) for at in np.argwhere(pixels)}, []
    while left:
        queue, part = [left.pop()], set()
        while queue:
            row, column = queue.pop()
            part.add((row, column))
            for near in [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
                if near in left:
                    left.remove(near)
                    queue.append(near)
        found.append(part)
    return found


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, (9, 13), elements=st.sampled_from([0, 1, 8, 9, 17])))
def test_boxes_bound_the_components_exactly(mask: np.ndarray) -> None:
    expected = set()
    for value in (8, 9, 17):
        for part in components(mask == value):
            rows, columns = zip(*part, strict=True)
            corner, size = (min(columns), min(rows)), (max(columns) - min(columns) + 1, max(rows) - min(rows) + 1)
            expected.add((MASK_NAMES[value], *corner, *size))
    boxes = boxes_of(mask, "ct", list(KINDS))
    assert {(box.category, box.x, box.y, box.width, box.height) for box in boxes} == expected
    assert {box.image for box in boxes} <= {"ct"}


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.bool_, (8, 8)), st.integers(1, 6))
def test_specks_go_and_the_rest_stays(pixels: np.ndarray, least: int) -> None:
    expected = np.zeros_like(pixels)
    for part in components(pixels):
        if len(part) >= least:
            expected[tuple(zip(*part, strict=True))] = True
    assert (drop_specks(pixels, least) == expected).all()


def test_only_the_kinds_asked_for_have_boxes() -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[0, 0], mask[2:, 2:] = MASK_NAMES.index("nodule"), MASK_NAMES.index("mass")
    boxes = boxes_of(mask, "mri", ["nodule", "mass"])
    assert [box.category for box in boxes] == ["nodule", "mass"]
    (mass,) = for_image(boxes, "mri.t2", ["mass"])
    assert (mass.image, mass.x, mass.y, mass.width, mass.height) == ("mri.t2", 2, 2, 2, 2)
