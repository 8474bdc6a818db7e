"""The slice against the solids' implicit functions in space."""

from __future__ import annotations

import numpy as np
import pytest

from synthmed.phantom.axial import cut
from synthmed.phantom.findings import Wanted
from synthmed.phantom.grid import slice_grid
from synthmed.phantom.kinds import KINDS
from synthmed.phantom.patient import draw_patient
from synthmed.phantom.tissue import INDEX, MASK_NAMES, STRUCTURES


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "cardiomegaly"])
def test_a_lesions_pixels_are_where_its_solids_are(kind: str) -> None:
    someone = draw_patient(np.random.default_rng(11), [Wanted(kind)])
    grid = slice_grid(someone, (96, 128))
    section = cut(someone, grid)
    lesion = someone.lesions[0]
    x, z, shift = someone.frame.warp.slice(grid.columns, someone.level)
    pixels, before = section.replaced[0]
    for row in range(0, 96, 3):
        y = grid.rows[row] + shift
        lo, hi = lesion.region.interval(x[None], z[None])
        inside = ((y > lo) & (y < hi)).any(axis=0)
        assert not (pixels[row] & ~inside).any()
        untouched = inside & ~pixels[row]
        names = {STRUCTURES[index].name for index in section.structures[row][untouched]}
        assert not names & set(lesion.replaces)
    assert (section.structures[pixels] == INDEX[kind]).all()
    assert {STRUCTURES[index].name for index in before} <= set(lesion.replaces)
    assert pixels.sum() >= 1


def test_organs_are_where_their_ellipsoids_are() -> None:
    someone = draw_patient(np.random.default_rng(4), [])
    grid = slice_grid(someone, (128, 128))
    section = cut(someone, grid)
    anatomy = someone.anatomy
    x, z, shift = someone.frame.warp.slice(grid.columns, someone.level)
    last = {name: k for k, name in enumerate(anatomy.names)}["descending aorta"]
    y = grid.rows[:, None] + shift
    matrix, centre = anatomy.organs.matrix[last].astype(float), anatomy.organs.centre[last].astype(float)
    point = np.stack(np.broadcast_arrays(x - centre[0], y - centre[1], z - centre[2]), axis=-1)
    inside = np.einsum("rci,ij,rcj->rc", point, matrix, point) < 1
    aorta = section.structures == INDEX["great vessel"]
    assert inside.sum() > 20
    assert aorta[inside].mean() > 0.95


def test_a_slice_is_oriented_as_radiologists_expect() -> None:
    someone = draw_patient(np.random.default_rng(2), [Wanted("cardiomegaly")])
    section = cut(someone, slice_grid(someone, (96, 128)))
    assert section.organs.shape == (96, 128)
    centre = {name: np.argwhere(section.organs == MASK_NAMES.index(name)).mean(axis=0) for name in MASK_NAMES[1:6]}
    assert centre["lung right"][1] < centre["heart"][1] < centre["lung left"][1]
    spine = np.argwhere(section.structures == INDEX["spinal canal"]).mean(axis=0)
    assert spine[0] > centre["heart"][0]
    assert abs(spine[1] - 63.5) < 8


def test_the_whole_body_is_in_the_slice() -> None:
    for seed in range(20):
        someone = draw_patient(np.random.default_rng(seed))
        structures = cut(someone, slice_grid(someone, (64, 64))).structures
        rim = np.concatenate([structures[0], structures[-1], structures[:, 0], structures[:, -1]])
        assert not rim.any()


def test_a_small_and_a_large_grid_show_the_same_slice() -> None:
    someone = draw_patient(np.random.default_rng(3), [Wanted("mass")])
    coarse, fine = (cut(someone, slice_grid(someone, (size, size))).structures for size in (64, 192))
    assert (coarse == fine[1::3, 1::3]).mean() > 0.97
