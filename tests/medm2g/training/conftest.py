from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.runs import Make

from synthmed.generation.engine import generate_dataset
from synthmed.phantom import Phantom


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from a second thread, and lose much to it on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 phantom patients of 32 pixels."""
    folder = tmp_path_factory.mktemp("shards") / "phantom"
    to = ["report", "xray", "xray.mask", "ct", "mri", "mri.t2"]
    generate_dataset(Phantom((32, 32)), folder, 24, to=to, workers=0)
    return folder


@pytest.fixture
def recipe(shards: Path) -> Make:
    """A recipe's keys and values, with a few stages of two steps; arguments replace sections' entries."""

    def make(stages: list[dict[str, Any]] | None = None, data: Any = None, **model: Any) -> dict[str, Any]:
        part = {"source": "shards", "split": "patient", "pipeline": "all", "fractions": {"train": 0.75, "val": 0.25}}
        window = {"_target_": "synthmed.data.transforms.windows.HUWindowd", "keys": "ct", "window": [-1000, 400]}
        return {
            "model": {
                "family": "medm2g",
                "size": "debug",
                "fields": ["xray", "mri", "mri.t2"],
                "masks": ["xray"],
                "image_size": 32,
                "vocabulary": 300,
                **model,
            },
            "data": {
                "root": str(shards),
                "parts": [part],
                "pipelines": {"all": [window]},
                "allow_leak": True,
                **(data or {}),
            },
            "training": {"steps": 2, "batch_size": 4, "checkpoint_every": 1, "log_every": 1, "validate_every": 2},
            "stages": [dict(stage) for stage in (STAGES if stages is None else stages)],
        }

    return make


STAGES: list[dict[str, Any]] = [
    {"stage": "autoencoder", "name": "grey"},
    {"stage": "mask_autoencoder", "name": "xray"},
    {"stage": "text_autoencoder"},
    {"stage": "alignment", "pair": ["text", "xray"]},
    {"stage": "alignment", "pair": ["text", "mri"]},
    {"stage": "flow", "modality": "xray"},
    {"stage": "flow", "modality": "mri"},
    {"stage": "flow", "modality": "text"},
    {"stage": "round", "pair": ["text", "xray"]},
]
