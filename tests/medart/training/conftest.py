"""A folder of drawn lesions with captions, and the recipe that trains on it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.lesions import draw
from helpers.runs import Make
from PIL import Image

SIDE = 32
STAGES: list[dict[str, Any]] = [
    {"stage": "autoencoder"},
    {"stage": "base"},
    {"stage": "adapt", "colour": {"every": 2, "steps": 3}},
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Before every fixture of a module: runs whose bits are compared have the same number of threads.

    Tiny tensors gain nothing from a second thread, and lose much to it on a busy machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 pictures in train/ and 4 in val/, with labels, some captions, and a row without labels and caption."""
    folder = tmp_path_factory.mktemp("lesions")
    rng = np.random.default_rng(0)
    rows = []
    for place in range(16):
        split = "val" if place % 4 == 3 else "train"
        colour = ("black", "red", "brown")[place % 3]
        drawn = draw(rng, colour, "round", "medium", side=SIDE)
        name = f"{split}/{place:02d}.png"
        (folder / split).mkdir(exist_ok=True)
        Image.fromarray(drawn.pixels).save(folder / name)
        label = "" if place == 0 else ("melanoma", "nevus")[place % 2]
        text = "" if place < 2 else f"A round {colour} lesion, number {place}."
        rows.append({"file_name": name, "text": text, "label": label})
    with (folder / "metadata.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["file_name", "text", "label"])
        table.writeheader()
        table.writerows(rows)
    return folder


@pytest.fixture(scope="session")
def recipe(lesions: Path) -> Make:
    """A recipe's keys and values, all stages of two steps; arguments replace sections or the model's entries."""

    def make(
        stages: list[dict[str, Any]] | None = None, data: Any = None, top: Any = None, **model: Any
    ) -> dict[str, Any]:
        return {
            "model": {
                "family": "medart",
                "size": "debug",
                "image_size": SIDE,
                "text_length": 16,
                "vocabulary": 150,
                "sampler": {"steps": 2},
                "prompts": {"*": "A dermoscopic image of {labels}."},
                **model,
            },
            "data": {
                "root": str(lesions),
                "parts": [{"source": "imagefolder"}],
                "allow_leak": True,
                **(data or {}),
            },
            "training": {"steps": 2, "batch_size": 4, "checkpoint_every": 1, "log_every": 1, "validate_every": 2},
            "stages": [dict(stage) for stage in (STAGES if stages is None else stages)],
            **(top or {}),
        }

    return make
