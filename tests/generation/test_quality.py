from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.samples import GivenSamples, fixed_dataset

from synthmed.fields import ImageField, Layout
from synthmed.generation.plan import make_plan
from synthmed.generation.quality import duplicates, problems
from synthmed.generation.render import ATTEMPTS, render_batch
from synthmed.sample import Sample

LAYOUT = Layout({"xray": ImageField.of("xray"), "ct": ImageField.of("ct")})


def sample(report: str = "A report.", **images: np.ndarray) -> Sample:
    rng = np.random.default_rng(0)
    sound = {
        "xray": rng.uniform(0, 1, (1, 4, 5)).astype(np.float32),
        "ct": rng.uniform(-1024, 3071, (1, 4, 5)).astype(np.float32),
    }
    return Sample({**sound, **images}, report=report)


def with_pixel(value: float) -> np.ndarray:
    image = sample().images["xray"].copy()
    image[0, 1, 2] = value
    return image


@pytest.mark.parametrize(
    ("images", "report", "found"),
    [
        ({}, "A report.", []),
        ({"xray": with_pixel(float("nan"))}, "A report.", ["range:xray"]),
        ({"xray": with_pixel(float("inf"))}, "A report.", ["range:xray"]),
        ({"xray": with_pixel(-float("inf"))}, "A report.", ["range:xray"]),
        ({"xray": with_pixel(1.01)}, "A report.", ["range:xray"]),
        ({"xray": with_pixel(-0.01)}, "A report.", ["range:xray"]),
        ({"xray": with_pixel(1 + 1 / 512)}, "A report.", []),
        ({"ct": np.full((1, 4, 5), 40.0, np.float32)}, "A report.", ["flat:ct"]),
        ({"ct": np.linspace(0, 81, 20, dtype=np.float32).reshape(1, 4, 5)}, "A report.", ["flat:ct"]),
        ({"ct": np.linspace(0, 82, 20, dtype=np.float32).reshape(1, 4, 5)}, "A report.", []),
        ({}, " \n\t", ["empty:report"]),
        ({"xray": with_pixel(2), "ct": np.zeros((1, 4, 5), np.float32)}, "", ["range:xray", "flat:ct", "empty:report"]),
    ],
)
def test_problems_are_named_by_check_and_field(images: dict[str, np.ndarray], report: str, found: list[str]) -> None:
    assert problems(sample(report, **images), LAYOUT) == found


def test_no_report_is_asked_of_a_dataset_without_text() -> None:
    assert problems(replace(sample(), report=None), replace(LAYOUT, report=False)) == []


def test_duplicates_are_what_is_stored_twice() -> None:
    first = sample()
    close = sample(xray=first.images["xray"] + np.float32(1e-6))
    other = sample(xray=first.images["xray"][:, ::-1].copy())
    made = [first, other, close, sample("Another."), first]
    assert duplicates([on_grid(s) for s in made]) == [False, False, True, False, True]


def test_texts_alone_are_no_duplicates() -> None:
    assert duplicates([Sample(report="Clear."), Sample(report="Clear.")]) == [False, False]


def on_grid(made: Sample) -> Sample:
    fields = LAYOUT.images
    return replace(
        made, images={name: fields[name].dequantise(fields[name].quantise(i)) for name, i in made.images.items()}
    )


def dataset(samples: list[Sample], batch_size: int = 4) -> GivenSamples:
    return GivenSamples(
        [replace(s, labels_by_image={name: ["no finding"] for name in LAYOUT.images}) for s in samples],
        LAYOUT,
        batch_size,
    )


def test_a_sample_that_stays_bad_is_kept_and_marked() -> None:
    flat = np.zeros((1, 4, 5), np.float32)
    generator = dataset([sample(), sample("", ct=flat), sample("Third.")])
    rendered = render_batch(generator, make_plan(generator, 3, shard_size=3), range(3))
    assert [(s.quality.accepted, s.quality.problems) for s in rendered] == [
        (True, ""),
        (False, "flat:ct;empty:report"),
        (True, ""),
    ]
    assert [s.provenance.attempt for s in rendered] == [0, ATTEMPTS - 1, 0]
    assert generator.calls == [[0, 1, 2], [1], [1]], "only the rejected one is drawn again"


def test_a_repeat_in_the_batch_is_drawn_again() -> None:
    generator = dataset([sample(), sample(), sample("Third.")])
    rendered = render_batch(generator, make_plan(generator, 3, shard_size=3), range(3))
    assert [s.quality.problems for s in rendered] == ["", "duplicate", ""]
    assert generator.calls == [[0, 1, 2], [1], [1]]


def test_a_redrawn_sample_has_the_seed_that_made_it() -> None:
    generator = fixed_dataset(3)
    bad = replace(generator.samples[1], report="")
    calls = 0
    render = generator.render

    def first_bad(requests: list, seeds: list) -> list[Sample]:  # type: ignore[type-arg]
        nonlocal calls
        calls += 1
        made = render(requests, seeds)
        return [made[0], replace(bad), made[2]] if calls == 1 else made

    generator.render = first_bad  # type: ignore[method-assign]
    plan = make_plan(generator, 3, shard_size=3)
    redrawn = render_batch(generator, plan, range(3))[1]
    assert redrawn.report == generator.samples[1].report
    assert (redrawn.quality.accepted, redrawn.provenance.attempt) == (True, 1)
    assert redrawn.provenance.seed == plan.seed_of(1, attempt=1) != plan.seed_of(1)
