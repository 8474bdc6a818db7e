"""A whole suite on films of 32 pixels, in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from downstream.suite.sets import phantom_sets, suite, tiny

from synthmed.data.assemble import assemble
from synthmed.data.identity import pixel_id
from synthmed.data.reading import read_images
from synthmed.data.sources.shards import Shards
from synthmed.data.spec import DataSpec
from synthmed.downstream.effects import gains
from synthmed.downstream.suite.run import Hooks, RunOptions, trained_suite
from synthmed.downstream.suite.sets import drawn
from synthmed.errors import UserError
from synthmed.evaluation.corpora.shards import ShardCorpus
from synthmed.generation.engine import generate_dataset
from synthmed.phantom import Phantom
from synthmed.recipe import read_recipe

KEY = ("classification", "xray")
HERE = RunOptions(processes=0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantom_sets(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "out"


class Told(Hooks):
    """Which cells were trained."""

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.counts: list[tuple[int, int]] = []
        super().__init__(
            trained=lambda cell: self.cells.append(cell.key),
            total=lambda cells, done: self.counts.append((cells, done)),
        )


def test_a_suite_runs_and_goes_on_where_it_stopped(root: Path, out: Path) -> None:
    whole, told = suite(root), Told()
    run = trained_suite(whole, out, RunOptions(processes=0, hooks=told))
    assert told.counts == [(6, 0)]
    assert [cell.key for cell in run.cells] == told.cells
    assert len(told.cells) == 6
    by_arm = {(cell.arm, cell.amount): (cell.real_rows, cell.synthetic_rows, cell.generator) for cell in run.cells}
    assert by_arm == {("real", 1.0): (40, 0, ""), ("real", 0.5): (20, 0, ""), ("mixed-1", 0.5): (20, 20, "phantom")}
    assert all(cell.suite == "tiny" and cell.test_rows == 24 for cell in run.cells)
    assert len(gains(run.table(KEY, run.generators[0]))) == 1
    assert run.full_rows == {KEY: 40}
    assert len(run.tests[KEY]) == 24
    assert {len(run.predictions[cell.key]) for cell in run.cells} == {24}
    (phantom,) = run.generators
    assert (phantom.name, phantom.kind, phantom.setting, phantom.n) == ("phantom", "model", "released", 24)
    assert phantom.fingerprint == Phantom((32, 32)).fingerprint
    assert any("no training.json" in check.unchecked for check in run.guard.checks)
    for file in ("suite.json", "guard.json"):
        assert str(root) not in (out / file).read_text()

    # One cell is lost: it alone is trained again, and to the same bytes.
    lost = run.cells[-1].key
    predictions = (out / "cells" / f"{lost}.safetensors").read_bytes()
    (out / "cells" / f"{lost}.json").unlink()
    told = Told()
    again = trained_suite(whole, out, RunOptions(processes=0, hooks=told))
    assert (told.cells, told.counts) == ([lost], [(6, 5)])
    assert (out / "cells" / f"{lost}.safetensors").read_bytes() == predictions
    assert [cell.value for cell in again.cells] == [cell.value for cell in run.cells]


def test_another_suite_is_refused_in_its_folder(root: Path, out: Path) -> None:
    task = {**tiny(root)["tasks"][0], "fit": {"steps": 11, "batch_size": 4}}
    with pytest.raises(UserError, match=r"another suite or data \(suite.tasks.0.fit.steps\)"):
        trained_suite(suite(root, tasks=[task]), out, HERE)
    with pytest.raises(UserError, match=r"data\.test"):
        trained_suite(suite(root, test={"place": "{root}/train"}), out, HERE)


def test_a_planted_leak_refuses_to_run(root: Path, tmp_path: Path) -> None:
    # The first five training patients again, as another set.
    generate_dataset(Phantom((32, 32)), tmp_path / "leaky", 5, seed=0, to=["xray", "xray.mask"], workers=0)
    with pytest.raises(UserError, match="guard: 5 equal pixels between train and test rows"):
        trained_suite(suite(root, test={"place": str(tmp_path / "leaky")}), tmp_path / "a", HERE)
    with pytest.raises(UserError, match="rows of generator copy are test rows"):
        copy = {"name": "copy", "place": "{root}/test", "setting": "released"}
        trained_suite(suite(root, generators=[copy]), tmp_path / "b", HERE)
    record = next(iter(Shards().records(root / "test")))
    card = {"data": {"pixels": [pixel_id(p.values) for p in read_images(record).values()], "records": {"train": 1}}}
    Phantom((32, 32)).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "training.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match="generator phantom was trained on 1 of 24 test rows"):
        spec = {**tiny(root)["generators"][0], "model": str(tmp_path / "model")}
        trained_suite(suite(root, generators=[spec]), tmp_path / "c", HERE)
    assert not list(tmp_path.glob("*/cells/*"))


def test_the_stand_in_is_of_each_cells_own_rows_and_untrained_tasks_stop(root: Path, tmp_path: Path) -> None:
    elastic = {"name": "elastic", "resample": "elastic", "setting": "strict", "per": 1}
    run = trained_suite(suite(root, generators=[elastic]), tmp_path / "a", HERE)
    mixed = [cell for cell in run.cells if cell.generator]
    assert [(cell.arm, cell.setting, cell.synthetic_rows) for cell in mixed] == [("mixed-1", "strict", 20)] * 2
    made = [np.load(path) for path in sorted((tmp_path / "a" / "rows").glob("made-elastic-*/pixels.npy"))]
    assert len(made) == 2
    assert not np.array_equal(*made)

    task = {**tiny(root)["tasks"][0], "options": {"bar": 1.0}}
    told = Told()
    stopping = suite(root, generators=[elastic], tasks=[task], stop_untrained=True)
    stopped = trained_suite(stopping, tmp_path / "b", RunOptions(processes=0, hooks=told))
    assert [cell.amount for cell in stopped.cells] == [1.0, 1.0]
    assert len(told.cells) == 2


def test_a_trained_generator_sees_each_cells_rows_and_no_others(root: Path, tmp_path: Path) -> None:
    task = {**tiny(root)["tasks"][0], "seeds": [3], "amounts": [8], "arms": ["synthetic"]}
    spec = {"name": "own", "trained": "medm2g/debug", "setting": "strict", "n": 6, "overrides": ["data.size=32"]}
    whole = suite(root, generators=[spec], tasks=[task])
    seen: list[tuple[str, ...]] = []

    def train(recipe: str, overrides: Sequence[str], out: Path, init: str | None) -> Path:
        data: dict[str, Any] = read_recipe(recipe, overrides)["data"]
        assert data["size"] == 32
        found = assemble(DataSpec.model_validate(data))
        assert list(found.splits) == ["train"]
        seen.append(tuple(row.record.id for row in found.splits["train"]))
        return root / "model"

    run = trained_suite(whole, tmp_path / "out", RunOptions(processes=0, train_generator=train))
    rows = drawn(tmp_path / "out", whole.tasks[0], 8, 3)
    assert [sorted(keys) for keys in seen] == [sorted(rows.keys)]
    assert 8 <= len(rows) < 40
    assert [(cell.arm, cell.synthetic_rows) for cell in run.cells][-1] == ("synthetic", 6)
    # Its rows are prompted by labels of the drawn rows, which it has seen, and of no others.
    phantom, (shards,) = Phantom((32, 32)), (tmp_path / "out" / "synthetic").glob("own-*/made")
    labels = {record.id: record.labels for record in Shards().records(root / "train")}
    allowed = {phantom.prompt({"labels": labels[key]}) for key in rows.keys}
    prompts = {facts.prompt for facts in ShardCorpus(shards).facts(range(6))}
    assert prompts <= allowed
    assert len(prompts) > 1
    assert run.generators[0].note.startswith("Trained anew on each draw")
