from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.runs import Make
from PIL import Image

from synthmed.errors import UserError
from synthmed.medart.training.recipe import train_recipe
from synthmed.medart.training.setup import Setup, set_up


def ready(data: dict) -> Setup:
    return set_up(train_recipe(data, "mine.yaml"), None, trust=False, dry=False, note=lambda text: None)


def test_a_photograph_is_its_levels_between_minus_one_and_one(recipe: Make, lesions: Path) -> None:
    rows = ready(recipe()).rows["train"]
    key = rows.dataset.rows[rows.indices[3]].record.id
    levels = torch.from_numpy(np.asarray(Image.open(lesions / key))).permute(2, 0, 1)
    assert torch.allclose(rows[3]["image"], levels / 127.5 - 1, atol=1e-6)


def test_a_transform_of_the_recipe_reaches_the_networks(recipe: Make) -> None:
    flip = {"_target_": "monai.transforms.Flipd", "keys": "photo", "spatial_axis": 1}
    part = {"source": "imagefolder", "pipeline": "mine"}
    plain = ready(recipe()).rows["train"]
    flipped = ready(recipe(data={"parts": [part], "pipelines": {"mine": [flip]}})).rows["train"]
    assert torch.equal(flipped[3]["image"], plain[3]["image"].flip(2))
    assert not torch.equal(flipped[3]["image"], plain[3]["image"])


def test_pooled_rows_are_pictures_of_three_channels(recipe: Make) -> None:
    grey = {"source": "imagefolder", "options": {"modality": "xray"}}
    rows = ready(recipe(data={"parts": [grey, {"source": "imagefolder"}]}, pooled=True)).rows["train"]
    assert len(rows) == 24
    image = rows[0]["image"]
    assert image.shape == (3, 32, 32)
    assert torch.equal(image[0], image[2])
    assert not torch.equal(rows[12]["image"][0], rows[12]["image"][2])


def test_values_that_were_never_brought_into_range_are_refused(recipe: Make) -> None:
    scale = {"_target_": "monai.transforms.ScaleIntensityRanged", "keys": "photo", "a_min": 0, "a_max": 1}
    step = {**scale, "b_min": 0, "b_max": 255}
    part = {"source": "imagefolder", "pipeline": "mine"}
    rows = ready(recipe(data={"parts": [part], "pipelines": {"mine": [step]}})).rows["train"]
    with pytest.raises(UserError, match="the model takes 0 to 1"):
        rows[0]
