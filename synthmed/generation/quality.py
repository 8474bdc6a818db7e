"""Per-sample checks. A sample that fails one is drawn again from the next attempt's seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from synthmed.fields import Layout
from synthmed.sample import Sample

FLAT = 0.02
"""An image that spans less than this part of its range shows nothing."""


def problems(sample: Sample, layout: Layout) -> list[str]:
    """What is wrong with a sample as a generator made it, as ``check:field``.

    ``range``: a value that is not finite, or outside the field's range by more than one stored level. ``flat``: an
    image that spans less than `FLAT` of its range. ``empty``: a report without a word.
    """
    found = []
    for name, image in sample.images.items():
        field = layout.images[name]
        low, high = float(image.min()), float(image.max())
        # A NaN anywhere makes min and max NaN, and every comparison below false.
        if not (low >= field.low - field.slope and high <= field.high + field.slope):
            found.append(f"range:{name}")
        elif high - low < FLAT * (field.high - field.low):
            found.append(f"flat:{name}")
    if layout.report and not (sample.report or "").strip():
        found.append("empty:report")
    return found


def duplicates(samples: Iterable[Sample]) -> list[bool]:
    """Whether each sample, its values on the stored grid, has the images, masks and report of an earlier one.

    Texts alone repeat by chance: without an image nothing is a duplicate.
    """
    found = []
    seen: set[str] = set()
    for sample in samples:
        value = _hash(sample)
        found.append(value in seen and bool(sample.images or sample.masks))
        seen.add(value)
    return found


def _hash(sample: Sample) -> str:
    digest = hashlib.sha256((sample.report or "").encode())
    for name, image in sorted(sample.images.items()):
        digest.update(f"|{name}{image.shape}".encode() + image.tobytes())
    for name, mask in sorted(sample.masks.items()):
        digest.update(f"|{name}.mask{mask.shape}".encode() + mask.tobytes())
    return digest.hexdigest()
