"""The finished model's folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthmed.data.assemble import Assembled
from synthmed.data.identity import pixel_id
from synthmed.data.reading import read_images
from synthmed.data.spec import DataSpec
from synthmed.medm2g.config import Config
from synthmed.medm2g.parts import save_parts
from synthmed.medm2g.tokenizer import Tokenizers
from synthmed.medm2g.training.store import Store, write_json


def write_model(
    folder: Path, config: Config, store: Store, tokenizers: Tokenizers, training: Mapping[str, Any]
) -> None:
    """Write ``config.json``, a folder a part, ``tokenizer/`` and ``training.json``; the folder is whole or not there.

    Only one part is in memory at a time.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name in config.parts:
        part = store.load([name])[name]
        part.eval()
        save_parts({name: part}, temporary)
    tokenizers.save(temporary / "tokenizer")
    write_json(temporary / "training.json", training)
    write_json(temporary / "config.json", config.model_dump(mode="json"))
    if folder.exists():  # of the same run with fewer steps
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(folder.with_name(f".{folder.name}.old"), ignore_errors=True)


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
            described.append([split, record.id, row.pipeline, images, record.labels, record.text, sorted(record.masks)])
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode("utf-8", "backslashreplace")).hexdigest()


def last_losses(folder: Path) -> dict[str, Any]:
    """The last line of averages in a stage's ``log.jsonl``, and ``validation`` where there is one."""
    found: dict[str, Any] = {"losses": {}}
    path = folder / "log.jsonl"
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        line: Mapping[str, Any] = json.loads(text)
        if "validation" in line:
            found["validation"] = line["validation"]
        else:
            left_out: Sequence[str] = ("step", "samples_per_second", "gradient_norm", "learning_rate")
            found["losses"] = {name: value for name, value in line.items() if name not in left_out}
    return found
