from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.folders import shard_hashes
from helpers.samples import assert_same, fixed_dataset
from monai.data import ThreadDataLoader
from torch.utils.data import DataLoader

import synthmed.generation.sources as sources
from synthmed.errors import UserError
from synthmed.generation.dataset import SyntheticDataset
from synthmed.generation.engine import generate_dataset


def tars(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("synthmed-")) for path in folder.glob("*.tar"))


def test_shards_are_made_when_first_asked_for_and_then_only_read(tmp_path: Path) -> None:
    generator = fixed_dataset(10)
    dataset = SyntheticDataset(generator, 10, shard_size=2, cache_dir=tmp_path / "cache")
    assert tars(tmp_path / "cache") == []
    rendered = SyntheticDataset(fixed_dataset(10), 10, shard_size=2)
    assert_same(dataset.sample(5), rendered.sample(5))
    assert tars(tmp_path / "cache") == [2]
    assert [item["index"] for item in dataset.__getitems__([9, 0, 4])] == [9, 0, 4]
    assert tars(tmp_path / "cache") == [0, 2, 4]
    calls = len(generator.calls)
    again = SyntheticDataset(generator, 10, shard_size=2, cache_dir=tmp_path / "cache")
    for i in (0, 1, 4, 5, 8, 9):
        assert_same(again.sample(i), rendered.sample(i))
    assert len(generator.calls) == calls


def test_a_full_cache_is_the_engines_dataset(tmp_path: Path) -> None:
    dataset = SyntheticDataset("testnet", 9, shard_size=4, cache_dir=tmp_path / "cache")
    assert len(list(dataset)) == 9
    assert_same(SyntheticDataset.from_shards(tmp_path / "cache").sample(8), dataset.sample(8))
    generate_dataset("testnet", tmp_path / "made", 9, shard_size=4, workers=0)
    made = shard_hashes(tmp_path / "made")
    assert shard_hashes(tmp_path / "cache") == made
    report = generate_dataset("testnet", tmp_path / "cache", 9, shard_size=4, workers=0)
    assert (report.made, report.complete) == (0, True)
    assert shard_hashes(tmp_path / "cache") == made


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_fill_one_cache_together(context: str, tmp_path: Path) -> None:
    model = "testnet" if context == "fork" else "flaky"
    dataset = SyntheticDataset(model, 16, shard_size=4, cache_dir=tmp_path / "cache")
    loader = DataLoader(
        dataset,
        8,
        shuffle=True,
        num_workers=2,
        multiprocessing_context=context,
        collate_fn=list,
        persistent_workers=True,
    )
    rendered = SyntheticDataset(model, 16, shard_size=4)
    for _ in range(2):
        items = [item for batch in loader for item in batch]
        assert sorted(item["index"] for item in items) == list(range(16))
        for item in items:
            assert torch.equal(item["xray"], rendered[item["index"]]["xray"])
    assert tars(tmp_path / "cache") == [0, 1, 2, 3]
    assert not list((tmp_path / "cache").glob(".*.tmp"))


def test_workers_begin_at_different_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(sources, "make_shard", lambda generator, plan, shard, store: made.append(shard))
    monkeypatch.setattr(sources, "is_committed", lambda *_: False)
    monkeypatch.setattr(sources, "write_dataset_files", lambda *_: None)
    firsts = []
    for worker in range(2):
        info = type("Info", (), {"id": worker, "num_workers": 2})
        monkeypatch.setattr(torch.utils.data, "get_worker_info", lambda info=info: info)
        dataset = SyntheticDataset(fixed_dataset(8), 8, shard_size=2, cache_dir=tmp_path / str(worker))
        with pytest.raises(UserError, match="missing"):
            dataset.__getitems__(range(8))
        assert sorted(made) == [0, 1, 2, 3]
        firsts.append(made[:2])
        made.clear()
    assert firsts == [[0, 1], [2, 3]]


def test_threads_share_a_dataset(tmp_path: Path) -> None:
    for cache in (None, tmp_path / "cache"):
        generator = fixed_dataset(12)
        dataset = SyntheticDataset(generator, 12, shard_size=6, cache_dir=cache)
        loader = ThreadDataLoader(dataset, batch_size=2, num_workers=4, use_thread_workers=True, collate_fn=list)
        assert sorted(item["index"] for batch in loader for item in batch) == list(range(12))
        assert len(generator.calls) == 4, "each batch is rendered once"


def test_a_larger_n_goes_on_and_another_dataset_is_refused(tmp_path: Path) -> None:
    list(SyntheticDataset(fixed_dataset(10), 4, shard_size=2, cache_dir=tmp_path / "cache"))
    assert len(list(SyntheticDataset(fixed_dataset(10), 6, shard_size=2, cache_dir=tmp_path / "cache"))) == 6
    with pytest.raises(UserError, match="seed"):
        SyntheticDataset(fixed_dataset(10), 6, seed=1, shard_size=2, cache_dir=tmp_path / "cache")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"thesis\.txt"):
        SyntheticDataset(fixed_dataset(10), 6, cache_dir=tmp_path / "mine")
