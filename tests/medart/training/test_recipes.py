"""The packaged recipes: each is typed, and the paper's sizes are the published counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthmed.data.sources.kvasir import CLASSES
from synthmed.medart.training.recipe import train_recipe
from synthmed.medart.training.run import train_medart
from synthmed.recipe import read_recipe, recipes
from synthmed.trainers import trainer_of

NAMES = [name for name, _ in recipes() if name.startswith("medart/")]


def test_there_is_a_recipe_for_each_purpose() -> None:
    assert {name.removeprefix("medart/") for name in NAMES} == {"base", "debug", "folder", "isic", "kvasir", "paper"}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_typed_and_has_its_trainer(name: str) -> None:
    data = read_recipe(name)
    recipe = train_recipe(data, name)
    assert trainer_of(data, name) is train_medart
    for stage in recipe.stages:
        if stage.stage == "adapt" and name not in ("medart/debug", "medart/folder"):
            due = [step for step in range(stage.training.steps) if stage.colour.make().due(step)]
            assert len(due) == 192  # the paper's: 96,000 steps, one in 500


def test_the_base_has_neither_skin_nor_rows_that_may_not_be_given_away() -> None:
    recipe = train_recipe(read_recipe("medart/base"), "base")
    assert {part.options["licence"] for part in recipe.data.parts} == {"shippable"}
    assert "colour_isic" not in {part.options["part"] for part in recipe.data.parts}
    assert all(part.options["part"] in {file.stem for file in recipe.caption_files} for part in recipe.data.parts)


def test_kvasirs_dry_run_counts_what_the_paper_trains(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for folder in CLASSES:
        (tmp_path / "kvasir-dataset-v2" / folder).mkdir(parents=True)
        for place in range(3):
            picture = rng.integers(0, 255, (40, 48, 3), np.uint8)
            Image.fromarray(picture).save(tmp_path / "kvasir-dataset-v2" / folder / f"{place}.jpg")
    data = read_recipe("medart/kvasir", [f"data.root={tmp_path}", "caption_files=[]"])
    lines: list[str] = []
    train_medart(data, "kvasir", tmp_path / "out", dry_run=True, on_note=lines.append)
    said = "\n".join(lines)
    assert "transformer: 610,856,096 parameters, adapter 6,882,688" in said
    assert "text_encoder: 4,762,310,656 parameters, adapter 9,043,968" in said
    assert "vae: 83,653,863 parameters" in said
    assert "96000" in said
    assert not (tmp_path / "out").exists()
