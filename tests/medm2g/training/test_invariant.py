"""The visual invariant of encoders that the diffusion loss trains, in a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.runs import Make

from synthmed.medm2g.parts import build_parts
from synthmed.medm2g.training.bench import Bench
from synthmed.medm2g.training.features import Features
from synthmed.medm2g.training.prepare import prepare
from synthmed.medm2g.training.recipe import train_recipe
from synthmed.medm2g.training.run import train_medm2g
from synthmed.medm2g.training.setup import set_up

FLOW: dict[str, Any] = {"stage": "flow", "modality": "xray", "central": False, "condition": ["text", "mri"]}
SMALL: dict[str, Any] = {"masks": [], "text": False}


def stages(invariant: bool) -> list[dict[str, Any]]:
    flow = {**FLOW, "invariant": invariant, "projector": [12, 6]}
    return [{"stage": "autoencoder"}, flow, {"stage": "flow", "modality": "mri", "condition": ["text"]}]


def test_a_flow_without_alignment_trains_it_beside(recipe: Make, tmp_path: Path) -> None:
    run = train_medm2g(recipe(stages(True), **SMALL), "mine.yaml", tmp_path)
    assert run.finished
    told = json.loads((run.model / "training.json").read_text())["stages"]
    assert set(told[2]["losses"]) == {"loss"}
    for losses in (told[1]["losses"], told[1]["validation"]):
        assert set(losses) == {"loss", "diffusion", "invariant_mri"}
        assert losses["loss"] == pytest.approx(losses["diffusion"] + 0.005 * losses["invariant_mri"], rel=1e-4)
        assert losses["invariant_mri"] > 0
    assert not list(run.model.glob("projector*"))


def test_off_there_is_no_projector_and_no_second_view(recipe: Make, tmp_path: Path) -> None:
    for invariant in (False, True):
        setup = set_up(
            train_recipe(recipe(stages(invariant), **SMALL), "mine.yaml"),
            None,
            trust=False,
            dry=False,
            note=lambda text: None,
        )
        features = {
            split: Features(rows, tmp_path / str(invariant), setup.tokenizers, 0) for split, rows in setup.rows.items()
        }
        bench = Bench(setup.config, setup.rows, features, setup.tokenizers, 0)
        ready = prepare(bench, setup.planned[1], build_parts(setup.config))
        views = {"view1_mri", "view2_mri"} if invariant else set()
        item = ready.datasets["train"][0]
        assert {name for name in item if name.startswith("view")} == views
        if invariant:
            assert item["view1_mri"].shape == item["inputs"]["mri"].shape == (2, 32, 32)
            assert not item["view1_mri"].equal(item["view2_mri"])
            assert -1 <= float(item["view1_mri"].min()) < float(item["view1_mri"].max()) <= 1
        assert ("projector_mri" in ready.objective.trained) == invariant
        assert set(ready.parts) == {"flow_xray", "encoder_text", "encoder_mri"}
        assert ready.alone == invariant
