"""Small sets of the phantom, and a suite on them that trains in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthmed.downstream.suite.schema import Suite
from synthmed.generation.engine import generate_dataset
from synthmed.phantom import Phantom

FIT = {"steps": 10, "batch_size": 4}


def phantom_sets(root: Path) -> Path:
    """``train`` of 40 films with masks, ``test`` of 24 other patients, and the model in ``model``."""
    phantom = Phantom((32, 32))
    phantom.save_pretrained(root / "model")
    for name, seed, n in (("train", 0, 40), ("test", 2, 24)):
        generate_dataset(phantom, root / name, n, seed=seed, to=["xray", "xray.mask"], workers=0)
    return root


def tiny(root: Path, **changes: Any) -> dict[str, Any]:
    """A suite of one classification, as its file would have it."""
    task = {
        "kind": "classification",
        "image": "xray",
        "names": ["pleural effusion", "cardiomegaly"],
        "fit": FIT,
        "seeds": [0, 1],
        "amounts": [0.5],
        "arms": ["real", "mixed-1"],
        "options": {"bar": 0.0},
    }
    return {
        "name": "tiny",
        "root": str(root),
        "train": {"place": "{root}/train"},
        "test": {"place": "{root}/test"},
        "guard": {"allow_near": 1000},
        "tasks": [task],
        "generators": [{"name": "phantom", "model": "{root}/model", "setting": "released", "n": 24, "seed": 5}],
        **changes,
    }


def suite(root: Path, **changes: Any) -> Suite:
    """`tiny`, read."""
    return Suite.model_validate(tiny(root, **changes))
