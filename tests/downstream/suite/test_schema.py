from __future__ import annotations

import json
from pathlib import Path

import pytest
from downstream.suite.sets import tiny

from synthmed.downstream.suite.data import build_task
from synthmed.downstream.suite.plan import plan
from synthmed.downstream.suite.read import load_suite
from synthmed.downstream.suite.schema import Suite
from synthmed.errors import UserError
from synthmed.recipe import recipes, validate

PACKAGED = [name for name, _ in recipes() if name.startswith("benchmark/")]


def read(data: object) -> Suite:
    return validate(data, Suite, "suite.yaml")


@pytest.mark.parametrize("name", PACKAGED)
def test_the_packaged_suites_are_sound(name: str) -> None:
    suite = load_suite(name)
    assert plan(suite)
    for task in suite.tasks:
        build_task(task)
    quick = load_suite(name, quick=True)
    assert sum(task.fit.steps for task in quick.tasks) < sum(task.fit.steps for task in suite.tasks)
    assert len(plan(quick)) <= len(plan(suite))


def test_the_issues_suites_are_packaged() -> None:
    real = ["pneumonia", "tumour", "melanoma", "lgg", "lungs", "cells", "lung_boxes", "chexpert", "siim", "rsna"]
    assert {f"benchmark/{name}" for name in ["phantom", *real]} <= set(PACKAGED)


def test_a_suite_is_found_with_and_without_its_folder_and_overridden() -> None:
    assert load_suite("phantom") == load_suite("benchmark/phantom")
    assert load_suite("phantom", ["tasks.0.fit.steps=77"]).tasks[0].fit.steps == 77
    quick = load_suite("phantom", ["tasks.0.fit.steps=77"], quick=True)
    assert quick.tasks[0].fit.steps == 77  # what is typed wins over the suite's own short form
    with pytest.raises(UserError, match="did you mean 'phantom'"):
        load_suite("phantm")


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    whole = tiny(tmp_path)
    task = whole["tasks"][0]
    for changes, message in [
        ({"trian": {}}, "unknown key 'trian'; did you mean 'train'"),
        ({"tasks": [{**task, "arms": ["reel"]}]}, "no arm 'reel'"),
        ({"tasks": [{**task, "amounts": [1.5]}]}, "tasks.0.amounts"),
        ({"tasks": [{**task, "seeds": [1, 1]}]}, "each once"),
        ({"tasks": [task, task]}, "two of one kind and image"),
        ({"generators": [{"name": "a", "setting": "released"}]}, "give one of model, place, trained, resample"),
        ({"generators": [{"name": "a", "setting": "released", "resample": "elastic"}]}, "setting is strict"),
        ({"generators": [{"name": "../a", "setting": "strict", "resample": "elastic"}]}, "generators.0.name"),
    ]:
        with pytest.raises(UserError, match=message):
            read({**whole, **changes})
    with pytest.raises(UserError, match=r"no option 'networks'; did you mean 'network'"):
        build_task(read({**whole, "tasks": [{**task, "options": {"networks": "small"}}]}).tasks[0])
    with pytest.raises(UserError, match="option exclusive: "):
        build_task(read({**whole, "tasks": [{**task, "options": {"exclusive": "perhaps"}}]}).tasks[0])


def test_a_share_and_a_number_of_rows_stay_apart(tmp_path: Path) -> None:
    task = {**tiny(tmp_path)["tasks"][0], "amounts": [1.0, 1, 0.1, 100]}
    amounts = read(tiny(tmp_path, tasks=[task])).tasks[0].amounts
    assert [type(amount) for amount in amounts] == [float, int, float, int]


def test_the_content_names_no_place_and_no_device(tmp_path: Path) -> None:
    told = json.dumps(read(tiny(tmp_path)).content())
    assert str(tmp_path) not in told
    assert "{root}" not in told
    assert "device" not in told
    moved = read({**tiny(tmp_path), "root": "elsewhere"})
    assert moved.content() == read(tiny(tmp_path)).content()
