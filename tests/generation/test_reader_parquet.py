"""Random access by offsets that a stranger wrote."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.samples import fixed_dataset, refusal, write_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.generation.dataset import SyntheticDataset
from synthmed.generation.dataset_json import MAX_BYTES


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parquet") / "set"
    write_dataset(fixed_dataset(4), folder, shard_size=4)
    return folder


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "set"))


def refused(folder: Path, file: str) -> str:
    with pytest.raises(UserError) as error:
        SyntheticDataset.from_shards(folder).sample(1)
    message = str(error.value)
    assert message.startswith(str(folder / file))
    assert "\n" not in message
    return message


def rewrite(folder: Path, change: Callable[[dict[str, list[Any]]], Any]) -> None:
    path = folder / "synthmed-000000.parquet"
    table = pq.read_table(path)
    columns = table.to_pydict()
    changed = change(columns)
    if isinstance(changed, pa.Table):
        pq.write_table(changed, path)
    else:
        pq.write_table(pa.table(columns, schema=table.schema), path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("offset.ct.png", -1),
        ("offset.ct.png", 2**62),
        ("length.ct.png", -5),
        ("length.ct.png", 2**40),
        ("length.json", 2**24),
        ("length.ct.png", 2**63 - 1),
        ("shard", "../../../etc/passwd"),
        ("shard", "synthmed-000001.tar"),
        ("key", "../evil"),
        ("key", None),
        ("offset.ct.png", None),
    ],
)
def test_places_outside_the_shard_are_refused(column: str, value: Any, folder: Path) -> None:
    rewrite(folder, lambda columns: columns[column].__setitem__(1, value))
    refused(folder, "synthmed-000000.parquet")


def test_offsets_of_several_samples_are_refused(folder: Path) -> None:
    rewrite(folder, lambda columns: columns["offset.xray.png"].__setitem__(1, columns["offset.xray.png"][3]))
    assert "000000001: the offsets are not those of one sample" in refused(folder, "synthmed-000000.tar")


def test_offsets_of_another_sample_are_refused(folder: Path) -> None:
    def swap(columns: dict[str, list[Any]]) -> None:
        for values in columns.values():
            values[1], values[2] = values[2], values[1]

    rewrite(folder, lambda columns: (swap(columns), columns["key"].sort()))
    assert "the key in it is '000000002'" in refused(folder, "synthmed-000000.tar")


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.slice(0, 3),
        lambda table: table.drop_columns(["offset.json"]),
        lambda table: table.set_column(0, "key", pa.array([0, 1, 2, 3])),
        lambda table: table.set_column(0, "key", pa.array([b"\xff\xfe"] * 4).view(pa.string())),
        lambda table: table.append_column("key", table["key"]),
        lambda table: table.rename_columns([name.replace("shard", "sha\nrd") for name in table.column_names]),
        lambda table: table.set_column(
            table.schema.get_field_index("offset.json"), "offset.json", pa.array([0.0, 1.0, 2.0, 3.0])
        ),
    ],
    ids=["rows", "column", "key type", "not UTF-8", "twice", "name", "offset type"],
)
def test_another_table_is_refused(change: Callable[[pa.Table], pa.Table], folder: Path) -> None:
    path = folder / "synthmed-000000.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    refused(folder, "synthmed-000000.parquet")


def test_missing_and_truncated_files_are_refused(folder: Path) -> None:
    tar, parquet = folder / "synthmed-000000.tar", folder / "synthmed-000000.parquet"
    kept = tar.read_bytes(), parquet.read_bytes()
    tar.write_bytes(kept[0][:5000])
    refused(folder, "synthmed-000000.parquet")
    tar.unlink()
    assert "missing" in refused(folder, "synthmed-000000.tar")
    tar.write_bytes(kept[0])
    parquet.write_bytes(kept[1][:-200])
    assert "damaged parquet" in refused(folder, "synthmed-000000.parquet")
    parquet.unlink()
    assert "missing" in refused(folder, "synthmed-000000.parquet")


def test_a_tar_that_shrinks_under_an_open_reader_is_refused(folder: Path) -> None:
    dataset = SyntheticDataset.from_shards(folder)
    dataset.sample(0)
    tar = folder / "synthmed-000000.tar"
    tar.write_bytes(tar.read_bytes()[:3000])
    with pytest.raises(UserError, match="000000003: truncated"):
        dataset.sample(3)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damaged_parquet_is_read_or_refused(good: Path, tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    folder = tmp_path_factory.getbasetemp() / "flips"
    if not folder.exists():
        shutil.copytree(good, folder)
    name = data.draw(st.sampled_from(["synthmed-000000.parquet", "synthmed-000000.tar"]))
    content = bytearray((good / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(content)
    dataset = SyntheticDataset.from_shards(folder)
    for i in range(4):
        keys: list[str] = []
        message = refusal(lambda i=i, keys=keys: keys.append(dataset.sample(i).key))
        assert message.startswith(str(folder)) or keys == [f"{i:09d}"]
    (folder / name).write_bytes((good / name).read_bytes())


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"synthetic": False},
        {"n": 0},
        {"n": "4"},
        {"n": 5},
        {"n": 4.0},
        {"shards": 2},
        {"labels": "nodule"},
        {"labels": [None]},
        {"fields": []},
        {"fields": {"images": {"../x": {}}, "report": True, "attributes": {}}},
        {"plan": {}},
        {"plan": {"n": 4, "shard_size": 0, "to": []}},
        {"accepted": -1},
        {"accepted": float("nan")},
        {"extra": 1},
        {"n": 10**9, "shards": 10**9, "plan": {"n": 10**9, "shard_size": 1, "to": []}},
    ],
    ids=lambda change: json.dumps(change)[:40],
)
def test_another_dataset_json_is_refused(change: dict[str, Any], folder: Path) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    refused(folder, "dataset.json")
    with pytest.raises(UserError, match=r"dataset\.json"):
        SyntheticDataset.stream(folder)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"null", b"[" * 10**5, b" " * (MAX_BYTES + 1)])
def test_what_is_not_json_is_refused(data: bytes, folder: Path) -> None:
    (folder / "dataset.json").write_bytes(data)
    refused(folder, "dataset.json")
