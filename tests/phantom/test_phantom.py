"""The Generator's contract."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.phantom import Phantom
from synthmed.phantom.study import FIELDS, IMAGES, MASKS
from synthmed.phantom.tissue import MASK_NAMES
from synthmed.protocols import Generator, Request
from synthmed.sample import NO_FINDING, Sample

SMALL = Phantom((48, 64))


def same(first: Sample, second: Sample) -> bool:
    arrays = [(first.images, second.images), (first.masks, second.masks)]
    equal = all(a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a) for a, b in arrays)
    plain = [
        (s.report, s.labels, s.labels_by_image, s.boxes, s.spacing, s.prompt, dict(s.attributes))
        for s in (first, second)
    ]
    return equal and plain[0] == plain[1]


def test_it_is_a_generator() -> None:
    phantom = Phantom()
    assert isinstance(phantom, Generator)
    assert phantom.source == "phantom"
    assert phantom.pairing == "anatomy"
    assert len(phantom.labels) >= 8
    assert NO_FINDING not in phantom.labels
    assert phantom.config.size == (128, 128)


def test_importing_it_is_light() -> None:
    code = (
        "import sys, synthmed.phantom; print([m for m in ('torch', 'scipy', 'sklearn', 'monai') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 2**63), min_size=2, max_size=5), st.data())
def test_a_sample_depends_on_its_own_request_and_seed_only(seeds: list[int], data: st.DataObject) -> None:
    requests = [Request(SMALL.default_to)] * len(seeds)
    together = SMALL.render(requests, seeds)
    at = data.draw(st.integers(1, len(seeds) - 1))
    apart = SMALL.render(requests[:at], seeds[:at]) + Phantom((48, 64)).render(requests[at:], seeds[at:])
    assert all(same(first, second) for first, second in zip(together, apart, strict=True))


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from(FIELDS), min_size=1), st.integers(0, 50))
def test_a_sample_holds_what_is_asked_for_and_the_rest_does_not_change_it(to: set[str], seed: int) -> None:
    part = SMALL.render([Request(tuple(sorted(to)))], [seed])[0]
    whole = SMALL.render([Request(FIELDS)], [seed])[0]
    layout = SMALL.layout(sorted(to))
    assert set(part.images) == to & set(IMAGES) == set(layout.images) - layout.mask_only
    assert set(part.masks) == {name.removesuffix(".mask") for name in to & set(MASKS)}
    assert set(part.masks) == {name for name, image in layout.images.items() if image.mask}
    assert (part.report is None) == ("report" not in to) == (not layout.report)
    assert all(np.array_equal(part.images[name], whole.images[name]) for name in part.images)
    assert all(np.array_equal(part.masks[name], whole.masks[name]) for name in part.masks)
    assert part.report in (None, whole.report)
    assert part.labels == whole.labels
    assert set(part.labels_by_image) == set(part.spacing) == set(layout.images)
    assert part.boxes == [box for box in whole.boxes if box.image in layout.images]


def test_values_shapes_and_types() -> None:
    for seed in range(6):
        sample = SMALL.render([Request(FIELDS)], [seed])[0]
        for name, image in sample.images.items():
            field = SMALL.layout([name]).images[name]
            assert image.shape == (1, 48, 64)
            assert image.dtype == np.float32
            assert field.low <= image.min() < image.max() <= field.high
            row, column = sample.spacing[name]
            assert 2 < row == column < 12
        for mask in sample.masks.values():
            assert mask.shape == (1, 48, 64)
            assert mask.dtype == np.uint8
            assert mask.max() < len(MASK_NAMES)
        assert {key: type(value) for key, value in sample.attributes.items()} == {
            key: type(value) for key, value in SMALL.attributes.items()
        }


def test_wordings_do_not_change_the_images() -> None:
    a, b = (Phantom((48, 64), group).render([Request(FIELDS)], [3])[0] for group in "ab")
    assert a.report != b.report
    assert all(np.array_equal(a.images[name], b.images[name]) for name in IMAGES)


def test_contrasts_have_noise_of_their_own() -> None:
    sample = Phantom((128, 64)).render([Request(FIELDS)], [3])[0]
    above = np.stack([sample.images[name][0, :20].ravel() for name in ("mri", "mri.t2", "mri.pd")])
    assert not sample.masks["mri"][0, :22].any()
    assert np.abs(np.corrcoef(above) - np.eye(3)).max() < 0.15


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_different_seeds_are_different_patients(seeds: tuple[int, ...]) -> None:
    first, second = SMALL.render([Request(("xray",))] * 2, (seeds[0], 99))
    assert not np.array_equal(first.images["xray"], second.images["xray"])


def test_names_are_canonical_and_unknown_ones_refused() -> None:
    sample = SMALL.render([Request(("mri.t1", "mri.t1.mask"))], [0])[0]
    assert list(sample.images) == ["mri"]
    assert list(sample.masks) == ["mri"]
    with pytest.raises(UserError, match=r"does not make 'mri\.flair'"):
        SMALL.render([Request(("mri.flair",))], [0])
    with pytest.raises(UserError, match=r"did you mean 'mri\.mask'"):
        SMALL.layout(["mri.t2.mask"])


def test_tasks() -> None:
    def allowed(given: set[str], to: set[str]) -> bool:
        return any(task.allows(given, to) for task in SMALL.tasks)

    for given_names in (set(), {"labels"}, {"report"}):
        assert allowed(given_names, set(FIELDS))
    assert allowed({"xray.mask"}, {"xray"})
    assert allowed({"ct.mask"}, {"ct"})
    assert allowed({"mri.mask"}, {"mri", "mri.t2", "mri.pd"})
    assert not allowed({"ct.mask"}, {"xray"})
    assert not allowed({"xray"}, {"report"})


def test_prompts() -> None:
    assert SMALL.prompt({}) == ""
    assert SMALL.prompt({"report": "A text."}) == "A text."
    assert SMALL.prompt({"labels": ("nodule", "cardiomegaly")}).endswith("with nodule and cardiomegaly.")
    assert SMALL.prompt({"labels": (NO_FINDING,)}).endswith("with no finding.")
    with pytest.raises(UserError, match="no label"):
        SMALL.prompt({"labels": ("x",)})


def test_generate_is_the_sugar_of_the_contract() -> None:
    samples = Phantom((64, 64)).generate(to=["ct", "mri.t1"], given={"labels": ("mass",)}, n=2, seed=3)
    assert [sample.labels for sample in samples] == [["mass"], ["mass"]]
    assert set(samples[0].images) == {"ct", "mri"}
