from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from synthmed import SyntheticDataset
from synthmed.data.loading import LoadRecord
from synthmed.data.reading import read_array
from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.sources.shards import Shards
from synthmed.errors import UserError
from synthmed.generation.engine import generate_dataset


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "set"
    generate_dataset("phantom", folder, 7, shard_size=3, workers=0)
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    for path in made.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_records_are_the_samples_read_in_place(made: Path) -> None:
    samples = SyntheticDataset.from_shards(made)
    records = list(Shards().records(made))
    names = json.loads((made / "dataset.json").read_text())["fields"]["images"]["ct"]["mask"][1:]
    load = LoadRecord(samples.label_names, names)
    assert len(records) == 7
    for index, record in enumerate(records):
        assert isinstance(record, Record)
        sample, item = samples.sample(index), load(record)
        assert record.id == sample.key
        assert record.text == sample.report
        assert list(record.boxes) == sample.boxes
        assert list(record.labels) == sample.labels
        assert {name: list(seen) for name, seen in record.labels_by_image.items()} == sample.labels_by_image
        assert record.attributes == sample.attributes
        for name, image in sample.images.items():
            np.testing.assert_allclose(item[name], image, atol=1e-6)
        for name, mask in sample.masks.items():
            np.testing.assert_array_equal(item[f"{name}.mask"], mask)


def test_rejected_samples_are_left_out(tmp_path: Path) -> None:
    from helpers.folders import flaky_model

    generate_dataset(flaky_model(tmp_path / "model", "flat"), tmp_path / "set", 60, shard_size=60, workers=0)
    accepted = json.loads((tmp_path / "set" / "dataset.json").read_text())["accepted"]
    assert accepted < 60
    assert len(list(Shards().records(tmp_path / "set"))) == accepted
    assert len(list(Shards(accepted=False).records(tmp_path / "set"))) == 60


def test_a_damaged_shard_is_a_problem_and_the_others_follow(copy: Path) -> None:
    table, tar = copy / "synthmed-000000.parquet", copy / "synthmed-000001.tar"
    table.write_bytes(table.read_bytes()[:-40])
    tar.write_bytes(tar.read_bytes()[:2000])
    rows = list(Shards().records(copy))
    assert [type(row) for row in rows] == [Problem, Problem, Problem, Problem, Record]
    assert all("\n" not in str(row) for row in rows[:4])


def test_what_is_no_finished_set_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.json: missing"):
        list(Shards().records(tmp_path / "nowhere"))
    dataset = json.loads((copy / "dataset.json").read_text())
    dataset["fields"]["images"]["ct"]["slope"] = 2.0
    (copy / "dataset.json").write_text(json.dumps(dataset))
    with pytest.raises(UserError, match="ct is stored on a scale of its own"):
        list(Shards().records(copy))
    (copy / "dataset.json").write_text("{}")
    with pytest.raises(UserError, match=r"not a dataset\.json"):
        list(Shards().records(copy))


@pytest.mark.parametrize("span", [(-1, 10), (0, 0), (10, 10**9), (0, 100)])
def test_a_span_that_holds_no_png_is_one_line(made: Path, span: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=r"synthmed-000000\.tar") as caught:
        read_array(FileRef(made / "synthmed-000000.tar", span=span))
    assert "\n" not in str(caught.value)
