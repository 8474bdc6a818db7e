"""Images from given masks: the mask is kept, and each label looks like what it names."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from synthmed.phantom import Phantom
from synthmed.phantom.tissue import INDEX, MASK_NAMES, table
from synthmed.protocols import Request
from synthmed.sample import NO_FINDING

PHANTOM = Phantom((64, 64))
IMAGES = {"xray.mask": ("xray",), "ct.mask": ("ct",), "mri.mask": ("mri", "mri.t2", "mri.pd")}


def of(name: str, seed: int, *labels: str) -> tuple[np.ndarray, list[str]]:
    """A phantom patient's mask, and the labels in it."""
    given = {"labels": labels} if labels else {}
    image = name.removesuffix(".mask")
    sample = PHANTOM.render([Request((name,), given)], [seed])[0]
    return sample.masks[image], sample.labels_by_image[image]


@pytest.mark.parametrize("name", list(IMAGES))
def test_the_mask_is_kept_and_labels_and_boxes_come_from_it(name: str) -> None:
    image = name.removesuffix(".mask")
    for seed in range(6):
        mask, labels = of(name, seed)
        made = PHANTOM.render([Request((*IMAGES[name], name), {name: mask})], [seed + 50])[0]
        assert np.array_equal(made.masks[image], mask)
        assert set(made.images) == set(IMAGES[name])
        assert made.labels == labels
        assert made.labels_by_image[image] == labels
        assert {box.category for box in made.boxes} == set(labels) - {NO_FINDING}
        assert [f["kind"] for f in json.loads(str(made.attributes["findings"]))] == [
            x for x in labels if x != NO_FINDING
        ]


def test_ct_of_a_mask_has_the_labels_tissues() -> None:
    mask, _ = of("ct.mask", 3, "mass")
    image = PHANTOM.render([Request(("ct",), {"ct.mask": mask})], [1])[0].images["ct"][0]
    hu = table("hu")
    for label, structure in (("mass", "mass"), ("background", "outside"), ("lung right", "lung")):
        assert np.median(image[mask[0] == MASK_NAMES.index(label)]) == pytest.approx(hu[INDEX[structure]], abs=60)


def test_film_of_a_mask_is_dark_in_the_lungs_and_shows_the_finding() -> None:
    for seed in range(5):
        mask, labels = of("xray.mask", seed, "mass")
        assert labels == ["mass"]
        image = PHANTOM.render([Request(("xray",), {"xray.mask": mask})], [seed])[0].images["xray"][0]
        mean = {name: image[mask[0] == MASK_NAMES.index(name)].mean() for name in ("lung right", "heart", "mass")}
        assert mean["lung right"] < mean["mass"] - 0.05
        assert mean["lung right"] < mean["heart"] - 0.15


def test_other_seeds_make_other_images_of_one_mask() -> None:
    mask, _ = of("ct.mask", 3)
    first, second = (PHANTOM.render([Request(("ct",), {"ct.mask": mask})], [seed])[0].images["ct"] for seed in (1, 2))
    assert not np.array_equal(first, second)


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.uint8, (1, 64, 64), elements=st.integers(0, len(MASK_NAMES) - 1), fill=st.integers(0, 1)),
    st.sampled_from(list(IMAGES)),
)
def test_any_mask_with_something_in_it_makes_finite_images_in_range(mask: np.ndarray, name: str) -> None:
    mask[0, 32, 32] = max(mask[0, 32, 32], 1)
    made = PHANTOM.render([Request((*IMAGES[name], "labels"), {name: mask})], [0])[0]
    for image, values in made.images.items():
        field = PHANTOM.layout([image]).images[image]
        assert np.isfinite(values).all()
        assert field.low <= values.min() <= values.max() <= field.high
