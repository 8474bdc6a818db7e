"""What a model tells of its data, and what its data are known by."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from synthmed.data.assemble import Assembled
from synthmed.data.identity import pixel_id
from synthmed.data.reading import read_images
from synthmed.data.spec import DataSpec


def data_card(found: Assembled) -> dict[str, Any]:
    """What a model may tell of its data: counts, licences, vocabularies; no path, no row's or patient's name.

    ``pixels``: the sha256 of the decoded pixels of every training image, sorted, by which later data can be kept apart.
    """
    summary = found.summary()
    kept = ("records", "patients", "shippable", "licences", "labels", "mask_names", "box_names")
    return {
        **{name: summary[name] for name in kept},
        "problems": len(found.problems),
        "allowed_leaks": dict(Counter(leak.kind for leak in found.leaks)),
        "pixels": pixel_hashes(found),
    }


def pixel_hashes(found: Assembled) -> list[str]:
    """Of every image of the training rows, read again."""
    hashes = set()
    for row in found.splits.get("train", ()):
        hashes |= {pixel_id(pixels.values) for pixels in read_images(row.record).values()}
    return sorted(hashes)


def data_digest(spec: DataSpec, found: Assembled) -> str:
    """sha256 of what the rows say and of how they are transformed; the folder may have moved."""
    free = {"root", "cache", "cache_folder", "allow_leak", "problems"}
    described: list[Any] = [spec.model_dump(mode="json", exclude=free)]
    for split, rows in found.splits.items():
        for row in rows:
            record = row.record
            images = {name: [ref.plane, ref.channel, ref.span] for name, ref in record.images.items()}
            told = [split, record.id, row.pipeline, images, record.labels, record.text, sorted(record.masks)]
            seen = {name: sorted(labels) for name, labels in record.labels_by_image.items()}
            described.append([*told, seen] if seen else told)
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode("utf-8", "backslashreplace")).hexdigest()
