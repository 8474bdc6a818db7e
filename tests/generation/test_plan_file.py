from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from synthmed_testplugin.flaky import Flaky

from synthmed.errors import UserError
from synthmed.generation.plan import Plan, make_plan
from synthmed.generation.plan_file import open_plan
from synthmed.generation.storage import Store


@pytest.fixture
def plan() -> Plan:
    return make_plan(Flaky(), 10, seed=3, shard_size=4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_the_same_plan_is_accepted_and_written_once(plan: Plan, store: Store) -> None:
    assert open_plan(plan, store) == plan
    written = store.read("plan.json")
    assert open_plan(plan, store) == plan
    assert store.read("plan.json") == written
    assert json.loads(written or b"")["format"] == 1


def test_a_larger_n_extends_and_a_smaller_is_refused(plan: Plan, store: Store) -> None:
    open_plan(plan, store)
    open_plan(replace(plan, n=20), store)
    assert json.loads(store.read("plan.json") or b"")["n"] == 20
    with pytest.raises(UserError, match="n = 20 there, 10 here"):
        open_plan(plan, store)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, "seed is 3, this command's is 4"),
        ({"model_fingerprint": "a" * 64}, "model_fingerprint is"),
        ({"shard_size": 5}, "shard_size is 4"),
        ({"to": ("xray", "xray.mask"), "seed": 9}, "and 1 more differ"),
    ],
)
def test_another_dataset_is_refused_with_the_difference(plan: Plan, store: Store, change: dict, message: str) -> None:
    open_plan(plan, store)
    with pytest.raises(UserError, match=message):
        open_plan(replace(plan, **change), store)


def test_another_environment_is_refused_unless_accepted(plan: Plan, store: Store) -> None:
    versions = {**plan.environment["versions"], "numpy": "0.1"}
    open_plan(replace(plan, environment={**plan.environment, "versions": versions}), store)
    with pytest.raises(UserError, match=r"versions\.numpy 0\.1, here it is"):
        open_plan(plan, store)
    assert open_plan(plan, store, accept_environment=True).environment["versions"]["numpy"] == "0.1"


def test_a_folder_with_other_files_is_refused(plan: Plan, store: Store, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(UserError, match=r"holds thesis\.doc"):
        open_plan(plan, store)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


@pytest.mark.parametrize("text", ["{", "[]", "\xff"])
def test_a_damaged_plan_is_refused(plan: Plan, store: Store, tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"plan\.json: not"):
        open_plan(plan, store)
