from __future__ import annotations

from pathlib import Path

import pytest
import torch
import webdataset
from helpers.samples import fixed_dataset, write_dataset
from torch.utils.data import DataLoader

import synthmed
from synthmed.errors import UserError
from synthmed.generation.dataset import SyntheticDataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stream") / "set"
    write_dataset(fixed_dataset(22), place, shard_size=4)
    return place


def test_stream_is_a_webdataset_pipeline_of_the_same_items(folder: Path) -> None:
    pipeline = SyntheticDataset.stream(folder, boxes=True)
    assert isinstance(pipeline, webdataset.DataPipeline)
    shards = SyntheticDataset.from_shards(folder, boxes=True)
    for item, stored in zip(pipeline, shards, strict=True):
        assert item.keys() == stored.keys()
        assert torch.equal(item["xray"], stored["xray"])
        assert torch.equal(item["box"], stored["box"])
    assert len(list(pipeline.with_epoch(30))) == 30


@pytest.mark.parametrize("context", [None, "fork"])
@pytest.mark.parametrize("loader", [DataLoader, webdataset.WebLoader])
def test_workers_share_the_shards(loader: type, context: str | None, folder: Path) -> None:
    workers = {"num_workers": 2, "multiprocessing_context": context} if context else {}
    batches = list(
        loader(SyntheticDataset.stream(folder, boxes=True), batch_size=4, collate_fn=synthmed.collate, **workers)
    )
    assert sorted(i for batch in batches for i in batch["index"].tolist()) == list(range(22))
    assert batches[0]["xray"].shape == (4, 1, 12, 20)


def test_nodes_share_the_shards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    found = []
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        found.append([item["index"] for item in SyntheticDataset.stream(folder)])
    assert found == [[0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19], [4, 5, 6, 7, 12, 13, 14, 15, 20, 21]]


def test_shuffling_is_torchs(folder: Path) -> None:
    def order() -> list[int]:
        return [item["index"] for item in SyntheticDataset.stream(folder, shuffle=8)]

    torch.manual_seed(0)
    first, second = order(), order()
    assert first != second
    assert sorted(first) == sorted(second) == list(range(22))
    torch.manual_seed(0)
    assert order() == first
    assert {i // 4 for i in first[:8]} != {i // 4 for i in range(8)}, "shards are shuffled too"


def test_a_damaged_shard_stops_the_pipeline(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tar = tmp_path / "synthmed-000003.tar"
    tar.write_bytes(tar.read_bytes()[:8000])
    with pytest.raises(UserError, match=r"synthmed-000003\.tar: .*truncated"):
        list(SyntheticDataset.stream(tmp_path))


def test_a_shard_that_lost_its_last_sample_stops_the_pipeline(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tar = tmp_path / "synthmed-000000.tar"
    last = tar.read_bytes().index(b"000000003.")
    tar.write_bytes(tar.read_bytes()[:last] + bytes(1024))
    with pytest.raises(UserError, match=r"3 samples; dataset\.json says 4"):
        list(SyntheticDataset.stream(tmp_path))
