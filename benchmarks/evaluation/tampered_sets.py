"""Ten ways to spoil a set of the phantom's films, and the shards of samples that are there already."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from synthmed.evaluation.intervals import other_rows
from synthmed.fields import Layout
from synthmed.generation.engine import generate_dataset
from synthmed.generation.render import ATTEMPTS
from synthmed.generation.seeds import sample_seed
from synthmed.generation.sugar import generate
from synthmed.phantom import Phantom
from synthmed.protocols import Request
from synthmed.sample import NO_FINDING, Sample, Scalar

IMAGE, SIDE = "xray", 64
TO = ("report", IMAGE, f"{IMAGE}.mask")
BLUR, SHIFT, NOISE, GAIN, OFFSET = 1.5, 6, 0.1, 0.85, 0.1
"""σ in pixels; pixels; σ, gain and offset of grey levels in [0, 1]."""
Rows = Sequence[Sample]


@dataclass(frozen=True)
class Source:
    """What a set is spoilt from: its own rows, as many others of its generator, and the training rows."""

    own: Rows
    others: Rows
    train: Rows


class Given:
    """A `Generator` of samples that are there already: row i of a dataset of seed 0 is the i-th."""

    def __init__(self, name: str, samples: Rows, phantom: Phantom) -> None:
        self.source, self._phantom = name, phantom
        self.fingerprint = _digest(samples)
        self._samples = {
            sample_seed(0, index, attempt): sample
            for index, sample in enumerate(samples)
            for attempt in range(ATTEMPTS)
        }
        self.tasks, self.default_to, self.labels = phantom.tasks, TO, phantom.labels
        self.attributes: Mapping[str, Scalar] = {**phantom.attributes, "source_key": ""}
        self.packages, self.sampler, self.pairing = phantom.packages, phantom.sampler, phantom.pairing
        # In batches of one no sample is rejected as its neighbour's duplicate.
        self.batch_size = 1

    def layout(self, to: Sequence[str]) -> Layout:
        return self._phantom.layout(to)

    def prompt(self, given: Mapping[str, object]) -> str:
        return ""

    def render(self, requests: Sequence[Request], seeds: Sequence[int]) -> list[Sample]:
        return [deepcopy(self._samples[seed]) for seed in seeds]


def written(folder: Path, samples: Rows) -> Path:
    """The samples as shards, by synthmed's own writer; the same call finds them again."""
    generate_dataset(Given(folder.name, samples, Phantom((SIDE, SIDE), "a")), folder, len(samples), workers=0)
    return folder


def patients(n: int, seed: int, wordings: str = "a", name: str = "") -> list[Sample]:
    """Patients of a seed; other wordings write other reports of the same films. Row i's source is ``<name><i>``."""
    made = generate(Phantom((SIDE, SIDE), wordings), TO, n=n, seed=seed)
    for sample in made:
        sample.attributes = {**sample.attributes, "source_key": f"{name}{sample.key}"}
    return made


def retaken(samples: Rows, seed: int) -> list[Sample]:
    """The same films with a little noise, so that a film and its pair are not equal to the pixel."""
    rng = np.random.default_rng(seed)
    return [_film(sample, sample.images[IMAGE] + rng.normal(0, 0.01, (1, SIDE, SIDE))) for sample in samples]


def blurred(source: Source) -> Rows:
    return [_film(row, ndimage.gaussian_filter(row.images[IMAGE], (0, BLUR, BLUR))) for row in source.own]


def shifted(source: Source) -> Rows:
    """Film, mask and boxes together, to the right; what comes in repeats the edge."""
    found = []
    for row in source.own:
        moved = [replace(box, x=box.x + SHIFT) for box in row.boxes if box.x + SHIFT < SIDE]
        boxes = [replace(box, width=min(box.width, SIDE - box.x)) for box in moved]
        masks = {IMAGE: _right(row.masks[IMAGE], "constant")}
        found.append(replace(_film(row, _right(row.images[IMAGE], "edge")), boxes=boxes, masks=masks))
    return found


def noisy(source: Source) -> Rows:
    rng = np.random.default_rng(1)
    return [_film(row, row.images[IMAGE] + rng.normal(0, NOISE, (1, SIDE, SIDE))) for row in source.own]


def cast(source: Source) -> Rows:
    """Films have no colour: a cast of grey levels, by a gain and an offset."""
    return [_film(row, GAIN * row.images[IMAGE] + OFFSET) for row in source.own]


def labels_shuffled(source: Source) -> Rows:
    pairs = zip(source.own, other_rows(len(source.own), 0), strict=True)
    return [
        replace(row, labels=source.own[other].labels, labels_by_image=source.own[other].labels_by_image)
        for row, other in pairs
    ]


def reports_shuffled(source: Source) -> Rows:
    pairs = zip(source.own, other_rows(len(source.own), 0), strict=True)
    return [replace(row, report=source.own[other].report) for row, other in pairs]


def masks_shifted(source: Source) -> Rows:
    """The label map alone; film and boxes stay."""
    return [replace(row, masks={IMAGE: _right(row.masks[IMAGE], "constant")}) for row in source.own]


def class_dropped(source: Source) -> Rows:
    """Rows with the commonest finding make room for others without it."""
    counts = Counter(label for row in source.own for label in row.labels if label != NO_FINDING)
    dropped = counts.most_common(1)[0][0]
    others = iter([row for row in source.others if dropped not in row.labels])
    return [next(others) if dropped in row.labels else row for row in source.own]


def duplicated(source: Source) -> Rows:
    """The first half twice."""
    half = len(source.own) // 2
    return [*source.own[: len(source.own) - half], *source.own[:half]]


def training_copied(source: Source) -> Rows:
    return source.train[: len(source.own)]


SETS: Mapping[str, Callable[[Source], Rows]] = {
    "blurred": blurred,
    "shifted": shifted,
    "noisy": noisy,
    "grey cast": cast,
    "labels shuffled": labels_shuffled,
    "reports shuffled": reports_shuffled,
    "masks shifted": masks_shifted,
    "class dropped": class_dropped,
    "duplicated": duplicated,
    "training copied": training_copied,
}


def _digest(samples: Rows) -> str:
    found = hashlib.sha256()
    for row in samples:
        said = (row.report, row.labels, sorted(row.labels_by_image.items()), row.boxes, sorted(row.attributes.items()))
        found.update(repr(said).encode())
        for values in (row.images[IMAGE], row.masks[IMAGE]):
            found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


def _film(row: Sample, values: np.ndarray) -> Sample:
    return replace(row, images={IMAGE: np.clip(values, 0, 1).astype(np.float32)})


def _right(values: np.ndarray, mode: str) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, 0), (SHIFT, 0)), mode=mode)[..., :SIDE]  # type: ignore[call-overload]  # by name
