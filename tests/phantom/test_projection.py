"""The film's optical depth against marching rays through the slice's structures, and its geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthmed.phantom.axial import cut
from synthmed.phantom.findings import Wanted
from synthmed.phantom.grid import Grid, film_grid
from synthmed.phantom.lungfield import AERATED
from synthmed.phantom.patient import Patient, draw_patient
from synthmed.phantom.projection import project
from synthmed.phantom.solids import Array
from synthmed.phantom.tissue import INDEX, MASK_NAMES, STRUCTURES, table

MU = table("mu")
SOFT = ("mediastinal fat", "great vessel", "myocardium", "chamber", "liver", "abdominal fat", "spleen", "stomach")


def patient(seed: int, *wanted: Wanted) -> Patient:
    return draw_patient(np.random.default_rng(seed), wanted)


def marched(someone: Patient, z: float, columns: Array) -> Array:
    """Optical depth at one level: the slice's structures, 0.5 mm apart along every ray, summed."""
    rows = np.arange(-220, 220, 0.5, dtype=np.float32)
    structures = cut(replace(someone, level=z), Grid(0.5, columns, rows)).structures
    # What the projection states: soft organs inside the cavity count as muscle.
    mu = MU.copy()
    for name in SOFT:
        mu[INDEX[name]] = MU[INDEX["muscle"]]
    for kind in ("cardiomegaly", "mediastinal enlargement", "hilar enlargement"):
        mu[INDEX[kind]] = MU[INDEX["muscle"]]
    return np.asarray(mu[structures].sum(axis=0) * 0.5)


@pytest.mark.parametrize(
    ("seed", "kind"),
    [
        (0, None),
        (1, None),
        (2, "nodule"),
        (3, "mass"),
        (4, "consolidation"),
        (5, "pleural effusion"),
        (6, "pneumothorax"),
    ],
)
def test_optical_depth_equals_marching_through_slices(seed: int, kind: str | None) -> None:
    someone = patient(seed, *([Wanted(kind)] if kind else []))
    grid = film_grid(someone, (96, 96))
    film = project(someone, grid)
    errors = []
    for row in range(24, 74, 7):
        reference = marched(someone, float(grid.rows[row]), grid.columns)
        errors.append(np.abs(film.depth[row] - reference)[film.body[row]])
    error = np.concatenate(errors)
    # Vessels that overlap are added on the film and united in the slice, and the discs' cartilage is muscle there.
    assert np.median(error) < 0.05
    assert np.quantile(error, 0.9) < 0.25


def test_beer_lambert_is_linear_in_thickness() -> None:
    # A man: the wall would push a breast outwards, and so change more than its own thickness.
    someone = next(one for one in map(patient, range(20)) if one.frame.sex == "M")
    grid = film_grid(someone, (64, 64))
    thin = project(someone, grid)
    trunk = someone.anatomy.trunk
    more = replace(trunk, half_depth=trunk.half_depth + np.float32(10))
    thick = project(replace(someone, anatomy=replace(someone.anatomy, trunk=more)), grid)
    x, _ = someone.frame.warp.film(grid.columns, grid.rows)
    middle = (np.abs(x / trunk.width_at(0)) < 0.2) & (grid.rows < 60)[:, None]
    added = (thick.depth - thin.depth)[middle]
    # 10 mm of muscle more at the front and at the back.
    assert len(added) > 100
    np.testing.assert_allclose(added, 20 * MU[INDEX["muscle"]], rtol=0.01)


def test_a_findings_shadow_is_the_difference_to_the_film_without_it() -> None:
    with_nodule = patient(8, Wanted("nodule", "left", "upper lobe", 28))
    without = replace(with_nodule, lesions=())
    grid = film_grid(with_nodule, (128, 128))
    film, bare = project(with_nodule, grid), project(without, grid)
    shadow = np.zeros(grid.shape, np.float32)
    shadow[film.shadows[0].window] = film.shadows[0].depth
    difference = film.depth - bare.depth
    # The vessels inside the nodule are part of it.
    assert np.abs(difference - shadow)[shadow == 0].max() < 0.35
    middle = 28 * (MU[INDEX["nodule"]] - MU[INDEX["lung"]])
    assert shadow.max() == pytest.approx(middle, rel=0.25)


def test_overlapping_findings_do_not_count_twice() -> None:
    someone = patient(9, Wanted("mass", "right", "lower lobe", 60))
    twice = replace(someone, lesions=someone.lesions * 2)
    grid = film_grid(someone, (64, 64))
    first, second = project(twice, grid).shadows
    assert first.depth.max() > 0.5
    assert np.abs(second.depth).max() < 1e-4


def test_right_is_on_the_left_and_the_heart_points_to_the_patients_left() -> None:
    someone = patient(3)
    organs = project(someone, film_grid(someone, (96, 128))).organs
    assert organs.shape == (96, 128)
    centre = {name: np.argwhere(organs == MASK_NAMES.index(name)).mean(axis=0) for name in MASK_NAMES[1:8]}
    assert centre["lung right"][1] < 63.5 < centre["lung left"][1]
    assert centre["liver"][1] < 63.5 < centre["heart"][1]
    assert centre["lung right"][0] < centre["liver"][0]


def test_every_lung_pixel_has_air_and_the_structures_cover_the_label_names() -> None:
    someone = patient(5)
    film = project(someone, film_grid(someone, (128, 128)))
    lungs = np.isin(film.organs, [MASK_NAMES.index("lung right"), MASK_NAMES.index("lung left")])
    muscle, lung = MU[INDEX["muscle"]], MU[INDEX["lung"]]
    assert lungs.mean() > 0.12
    assert film.depth[lungs].mean() < film.depth[film.organs == MASK_NAMES.index("heart")].mean() - AERATED * (
        muscle - lung
    )
    assert {structure.label for structure in STRUCTURES} <= set(MASK_NAMES)
