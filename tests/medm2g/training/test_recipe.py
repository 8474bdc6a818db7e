from __future__ import annotations

import re
from typing import Any

import pytest
from helpers.runs import Make

from synthmed.errors import UserError
from synthmed.medm2g.training.recipe import train_recipe
from synthmed.medm2g.training.stages import label
from synthmed.recipe import find_recipe, read_recipe, recipes

PACKAGED = [name for name, _ in recipes() if name.startswith("medm2g/")]


@pytest.mark.parametrize("name", PACKAGED)
def test_a_packaged_recipe_reads_and_begins_with_its_command_and_result(name: str) -> None:
    spec = train_recipe(read_recipe(name), name)
    text = find_recipe(name).read_text()
    assert f"\n#   synthmed train {name} " in text
    assert "\n# Measured: " in text
    assert len({label(stage) for stage in spec.stages}) == len(spec.stages)


def test_settings_come_from_the_kind_then_the_recipe_then_the_stage(recipe: Make) -> None:
    data = recipe(
        [
            {"stage": "alignment", "pair": ["text", "xray"], "training": {"batch_size": 7}},
            {"stage": "flow", "modality": "xray"},
        ]
    )
    data["training"] = {"steps": 3, "batch_size": 5}
    first, second = train_recipe(data, "mine.yaml").stages
    assert (first.training.steps, first.training.batch_size, first.training.weight_decay) == (3, 7, 1e-4)
    assert (second.training.steps, second.training.batch_size, second.training.weight_decay) == (3, 5, 0.01)


def test_the_data_are_of_the_models_size_unless_they_say_another(recipe: Make) -> None:
    assert train_recipe(recipe(image_size=48), "mine.yaml").data.size == 48
    assert train_recipe(recipe(data={"size": 40}), "mine.yaml").data.size == 40


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"sise": "debug"}}, "unknown key 'model.sise'; did you mean 'size'"),
        ({"data": {"rot": "."}}, "unknown key 'data.rot'; did you mean 'root'"),
        ({"stagez": []}, "unknown key 'stagez'; did you mean 'stages'"),
        ({"training": {"stepz": 3}}, "stages.0: unknown key 'training.stepz'; did you mean 'steps'"),
        ({"stages": []}, "stages is empty"),
        ({"stages": [{"stage": "flows"}]}, "stages.0: no stage 'flows'; did you mean 'flow'"),
        ({"stages": [{}]}, "stages.0: no stage None; there are: alignment, autoencoder"),
        ({"stages": [{"stage": "flow", "modality": "xray", "dropp": 0.1}]}, "unknown key 'dropp'; did you mean 'drop'"),
        ({"stages": [{"stage": "flow", "modality": "xray", "drop": 2}]}, "stages.0: drop: Input should be less than"),
        ({"stages": [{"stage": "flow"}]}, "stages.0: modality: Field required"),
        ({"stages": [{"stage": "flow", "training": 3}]}, "training is a mapping"),
        (
            {"stages": [{"stage": "flow", "modality": "xray", "invariant": True}]},
            "invariant: trains prompt encoders, which are ready under central; add central: false",
        ),
        ({"stages": [{"stage": "alignment", "pair": ["text"]}]}, "pair.1: Field required"),
    ],
)
def test_a_mistake_is_one_line_with_the_nearest_name(change: dict[str, Any], message: str, recipe: Make) -> None:
    data = recipe()
    for key, value in change.items():
        data[key] = {**data[key], **value} if isinstance(value, dict) else value
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        train_recipe(data, "mine.yaml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("mine.yaml: ")
