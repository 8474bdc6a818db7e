"""What is given and asked for is written as it was given, beside what is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.samples import assert_same

from synthmed import SyntheticDataset
from synthmed.errors import UserError
from synthmed.generation.engine import generate_dataset
from synthmed.generation.plan import make_plan
from synthmed.medm2g.model import MedM2G

FILM = np.random.default_rng(0).integers(0, 256, (1, 40, 50)).astype(np.float32) / 255
SLICE = np.random.default_rng(1).integers(-1000, 1000, (1, 9, 7)).astype(np.float32)


def test_a_given_image_report_and_mask_are_in_the_sample(model: MedM2G) -> None:
    mask = np.eye(32, dtype=np.uint8)[None]
    given = {"xray": FILM, "report": "A nodule.", "ct.mask": mask}
    (sample,) = model.generate(to=["xray", "report", "ct", "ct.mask"], given=given)
    np.testing.assert_allclose(sample.images["xray"], FILM, atol=1e-6)
    assert sample.report == "A nodule."
    assert sample.prompt == "A nodule."
    np.testing.assert_array_equal(sample.masks["ct"], mask)
    assert set(sample.labels_by_image) == {"xray", "ct"}


def test_what_is_made_does_not_depend_on_it(model: MedM2G) -> None:
    (alone,) = model.generate(to=["ct"], given={"mri": FILM}, seed=3)
    (beside,) = model.generate(to=["ct", "mri"], given={"mri": FILM}, seed=3)
    np.testing.assert_array_equal(alone.images["ct"], beside.images["ct"])


def test_a_dark_given_image_is_no_fault_and_is_drawn_once(model: MedM2G) -> None:
    dark = np.zeros((1, 8, 8), np.float32)
    (sample,) = model.generate(to=["mri", "report", "ct"], given={"mri": dark})
    assert "mri" not in sample.quality.problems
    np.testing.assert_array_equal(sample.images["mri"], dark)


def test_nothing_left_to_make_is_refused(model: MedM2G) -> None:
    with pytest.raises(UserError, match="does not make mri from mri"):
        make_plan(model, 1, to=["mri"], given={"mri": FILM})


@pytest.mark.parametrize(
    ("name", "other", "value"),
    [("ct", "ct.mask", SLICE), ("ct.mask", "ct", np.eye(9, dtype=np.uint8)[None])],
)
def test_an_image_and_a_mask_of_two_sizes_do_not_go_together(
    model: MedM2G, name: str, other: str, value: np.ndarray
) -> None:
    with pytest.raises(UserError, match=r"^ct is \d+ x \d+ and ct\.mask \d+ x \d+: resize the given one"):
        model.generate(to=[name, other], given={name: value})
    (sample,) = model.generate(to=[other], given={name: value})
    assert {**sample.images, **sample.masks}["ct"].shape == (1, 32, 32)


def test_shards_hold_it_too(model: MedM2G, tmp_path: Path) -> None:
    rows = [{"ct": SLICE}, {"ct": SLICE[:, :5]}]
    generate_dataset(model, tmp_path / "set", 4, to=["ct", "mri"], given=rows, workers=0)
    stored = SyntheticDataset.from_shards(tmp_path / "set")
    for place, sample in enumerate(model.generate(to=["ct", "mri"], given=rows, n=4)):
        np.testing.assert_array_equal(sample.images["ct"], rows[place % 2]["ct"])
        assert_same(stored.sample(place), sample)
