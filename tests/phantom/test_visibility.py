"""Visible means: enough pixels, enough contrast, enough of both for the noise."""

from __future__ import annotations

import json

import numpy as np
import pytest

from synthmed.phantom import Phantom
from synthmed.phantom.axial import cut
from synthmed.phantom.findings import Wanted
from synthmed.phantom.grid import film_grid, slice_grid
from synthmed.phantom.patient import Patient, draw_patient
from synthmed.phantom.projection import project
from synthmed.phantom.tissue import MASK_NAMES
from synthmed.phantom.visibility import PIXELS, Seen, seen_in_slice, seen_on_film
from synthmed.phantom.xray import Exposure
from synthmed.protocols import Request
from synthmed.sample import NO_FINDING


def film_of(someone: Patient) -> Seen:
    film = project(someone, film_grid(someone, (128, 128)))
    return seen_on_film(someone, film, Exposure.of(film))


def slice_of(someone: Patient) -> tuple[Seen, Seen]:
    return seen_in_slice(someone, cut(someone, slice_grid(someone, (128, 128))))


def shares(kind: str, size: int, patients: int = 12) -> tuple[float, float]:
    """How many of the patients with that finding show it on the film, and in the CT slice."""
    someone = [draw_patient(np.random.default_rng(s), [Wanted(kind, size_mm=size)]) for s in range(patients)]
    film = np.mean([kind in film_of(one).kinds["xray"] for one in someone])
    return float(film), float(np.mean([kind in slice_of(one)[0].kinds["ct"] for one in someone]))


def test_large_findings_are_seen_and_tiny_ones_are_not_on_a_film() -> None:
    assert shares("mass", 60) == (1, 1)
    assert shares("nodule", 4)[0] < 0.2
    film, section = shares("rib lesion", 9)
    assert film < 0.7
    assert section > 0.8


def test_air_in_the_pleura_is_dark_on_every_mri_contrast_and_hardly_seen_in_t2() -> None:
    shown = [slice_of(draw_patient(np.random.default_rng(s), [Wanted("pneumothorax")]))[1].kinds for s in range(10)]
    assert sum("pneumothorax" in kinds["mri.t2"] for kinds in shown) <= 3
    assert sum("pneumothorax" in kinds["mri.pd"] for kinds in shown) >= 7


def test_a_second_finding_at_another_level_is_not_in_the_slice() -> None:
    wanted = [Wanted("nodule", "right", "upper lobe", 25), Wanted("mass", "left", "lower lobe", 40)]
    someone = draw_patient(np.random.default_rng(0), wanted)
    assert set(film_of(someone).kinds["xray"]) == {"nodule", "mass"}
    assert slice_of(someone)[0].kinds["ct"] == ["nodule"]


@pytest.mark.parametrize("seed", range(25))
def test_mask_labels_and_boxes_of_an_image_tell_the_same(seed: int) -> None:
    phantom = Phantom()
    sample = phantom.render([Request(phantom.default_to)], [seed])[0]
    for name, labels in sample.labels_by_image.items():
        shown = set(labels) - {NO_FINDING}
        assert shown <= set(sample.labels)
        assert {box.category for box in sample.boxes if box.image == name} == shown
        mask = sample.masks[name.split(".")[0]][0]
        in_mask = {MASK_NAMES[value] for value in np.unique(mask)} & set(phantom.labels)
        assert shown <= in_mask
        if name in ("xray", "ct"):
            assert shown == in_mask
        for kind in shown - {"cardiomegaly"}:
            assert (mask == MASK_NAMES.index(kind)).sum() >= 1
    assert PIXELS > 1


@pytest.mark.parametrize(("kind", "image"), [("mass", "xray"), ("mass", "ct"), ("pleural effusion", "mri.t2")])
def test_what_is_called_visible_differs_from_its_surroundings_in_the_noisy_image(kind: str, image: str) -> None:
    for seed in range(8):
        given = {"labels": (kind,)}
        sample = Phantom().render([Request((image, "xray.mask", "ct.mask", "mri.mask"), given)], [seed])[0]
        assert kind in sample.labels_by_image[image]
        mask = sample.masks[image.split(".")[0]][0]
        lungs = np.isin(mask, [MASK_NAMES.index("lung right"), MASK_NAMES.index("lung left")])
        values = sample.images[image][0]
        finding = values[mask == MASK_NAMES.index(kind)]
        spread = np.hypot(finding.std(), values[lungs].std())
        assert finding.mean() - values[lungs].mean() > 0.4 * spread
        assert json.loads(str(sample.attributes["findings"]))[0]["kind"] == kind
