"""Arbitrary samples, a generator that returns given ones, and datasets of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.fields import ImageField, Layout
from synthmed.generation.engine import generate_dataset
from synthmed.generation.seeds import sample_seed
from synthmed.protocols import Request, Task
from synthmed.sample import NO_FINDING, Box, Sample

LABELS = ("nodule", "pleural effusion", "größe")
ATTRIBUTES = {"side": "left", "count": 1, "severity": 0.5, "smoker": True}
_NAMES = ("xray", "ct", "mri", "mri.t2", "photo")
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


class GivenSamples:
    """Returns its samples in order: the seed of sample i says that it is sample i."""

    source = "given-samples"
    fingerprint = "0" * 64
    labels = LABELS
    packages = ()
    sampler: Mapping[str, Any] = {}
    pairing = "anatomy"

    def __init__(self, samples: Sequence[Sample], layout: Layout, batch_size: int = 3) -> None:
        self.samples = list(samples)
        self._layout = replace(layout, attributes={})
        self.attributes = ATTRIBUTES if layout.attributes else {}
        self.batch_size = batch_size
        images = [name if name not in layout.mask_only else f"{name}.mask" for name in layout.images]
        masks = [f"{name}.mask" for name, image in layout.images.items() if image.mask and name not in layout.mask_only]
        self.default_to = (*images, *masks, *(["report"] if layout.report else []))
        self.tasks = (Task(frozenset(), frozenset(self.default_to)),)
        self._index = {sample_seed(0, i, attempt): i for i in range(len(samples)) for attempt in range(3)}
        self.calls: list[list[int]] = []

    def layout(self, to: Sequence[str]) -> Layout:
        return self._layout

    def prompt(self, given: Mapping[str, Any]) -> str:
        return "a prompt,\nof two lines"

    def render(self, requests: Sequence[Request], seeds: Sequence[int]) -> list[Sample]:
        self.calls.append([self._index[seed] for seed in seeds])
        return [replace(self.samples[self._index[seed]]) for seed in seeds]


def write_dataset(generator: Any, folder: Path | str, shard_size: int = 4, n: int | None = None) -> None:
    """All of a `GivenSamples`, as the engine writes them."""
    generate_dataset(generator, folder, n or len(generator.samples), shard_size=shard_size, workers=0)


def image_of(rng: np.random.Generator, field: ImageField, height: int, width: int) -> np.ndarray:
    """Noise over the field's whole range, both ends included where there are two pixels."""
    image = rng.uniform(field.low, field.high, (field.channels, height, width)).astype(np.float32)
    image.flat[0] = field.low
    image.flat[-1] = field.high
    return image


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    images = {}
    for name in draw(st.lists(st.sampled_from(_NAMES), unique=True, max_size=3)):
        mask = ("background", "heart", "nodule") if draw(st.booleans()) else ()
        window = (-160.0, 240.0) if name == "ct" and draw(st.booleans()) else None
        images[name] = ImageField.of(name, mask=mask, window=window)
    mask_only = [name for name, image in images.items() if image.mask and draw(st.integers(0, 3)) == 0]
    report = draw(st.booleans()) or not images
    attributes = {name: type(value).__name__ for name, value in sorted(ATTRIBUTES.items())}
    return Layout(images, report, frozenset(mask_only), attributes if draw(st.booleans()) else {})


@st.composite
def samples(draw: st.DrawFn, layout: Layout) -> Sample:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sides = st.integers(1, 17)
    sizes = {name: (draw(sides), draw(sides)) for name in layout.images}
    findings = st.lists(st.sampled_from(LABELS), unique=True, max_size=2)
    place = st.floats(0, 4096, allow_nan=False)
    boxes = st.builds(Box, st.sampled_from([*layout.images]), st.sampled_from(LABELS), place, place, place, place)
    millimetres = st.floats(1e-3, 50.0)
    return Sample(
        images={
            name: image_of(rng, field, *sizes[name])
            for name, field in layout.images.items()
            if name not in layout.mask_only
        },
        masks={
            name: rng.integers(0, len(field.mask), (1, *sizes[name]), dtype=np.uint8)
            for name, field in layout.images.items()
            if field.mask
        },
        report=draw(_TEXT) if layout.report else None,
        labels=draw(findings) or [NO_FINDING],
        labels_by_image={name: draw(findings) or [NO_FINDING] for name in layout.images},
        boxes=draw(st.lists(boxes, max_size=3)) if layout.images else [],
        spacing={name: (draw(millimetres), draw(millimetres)) for name in layout.images},
        attributes={
            "side": draw(_TEXT),
            "count": draw(st.integers(-(2**63), 2**63 - 1)),
            "severity": draw(st.floats(allow_nan=False, allow_infinity=False)),
            "smoker": draw(st.booleans()),
        }
        if layout.attributes
        else {},
    )


@st.composite
def datasets(draw: st.DrawFn, max_size: int = 6) -> GivenSamples:
    layout = draw(layouts())
    return GivenSamples(draw(st.lists(samples(layout), min_size=1, max_size=max_size)), layout)


def fixed_dataset(n: int = 10) -> GivenSamples:
    """A small dataset with every kind of field, the same each time; images are 12 × 20, so that batches stack."""
    layout = Layout(
        {
            "xray": ImageField.of("xray", mask=("background", "heart", "nodule")),
            "ct": ImageField.of("ct"),
            "mri.t2": ImageField.of("mri.t2"),
            "photo": ImageField.of("photo"),
        },
        attributes={name: type(value).__name__ for name, value in sorted(ATTRIBUTES.items())},
    )
    rng = np.random.default_rng(0)
    made = []
    for i in range(n):
        mask = np.zeros((1, 12, 20), np.uint8)
        mask[0, 2:5, 7 : 9 + i % 3] = 2
        found = ["nodule"] if i % 2 else [NO_FINDING]
        made.append(
            Sample(
                images={name: image_of(rng, field, 12, 20) for name, field in layout.images.items()},
                masks={"xray": mask},
                report=f"Report {i}.\nÜber zwei Zeilen.",
                labels=found,
                labels_by_image=dict.fromkeys(layout.images, found),
                boxes=[Box("xray", "nodule", 7, 2, 2 + i % 3, 3)] * (i % 2),
                spacing={"xray": (0.5, 0.25), "ct": (1.0, 2.0)},
                attributes=ATTRIBUTES,
            )
        )
    return GivenSamples(made, layout)


def refusal(read: Callable[[], Any]) -> str:
    """The message of the `UserError`, which has one line; empty where there is none. Other exceptions pass."""
    try:
        read()
    except UserError as error:
        message = str(error)
        assert message, "an error without a message"
        assert "\n" not in message
        return message
    return ""


def assert_same(a: Sample, b: Sample) -> None:
    """Equal in every field, arrays bit for bit and in dtype."""
    for arrays, others in ((a.images, b.images), (a.masks, b.masks)):
        assert arrays.keys() == others.keys()
        for name, array in arrays.items():
            assert array.dtype == others[name].dtype
            np.testing.assert_array_equal(array, others[name])
    assert replace(a, images={}, masks={}) == replace(b, images={}, masks={})
