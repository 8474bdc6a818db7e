from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.samples import assert_same, fixed_dataset
from monai.data import list_data_collate
from synthmed_testplugin.flaky import Flaky
from synthmed_testplugin.network import TestNet
from torch.utils.data import DataLoader

import synthmed
from synthmed.errors import UserError
from synthmed.generation.dataset import SyntheticDataset
from synthmed.generation.engine import generate_dataset
from synthmed.generation.environment import THREADS

N, SEED, SHARD = 17, 3, 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network's shards: their values show a change of threads or of batch boundaries."""
    place = tmp_path_factory.mktemp("testnet") / "set"
    generate_dataset("testnet", place, N, seed=SEED, shard_size=SHARD, workers=0)
    return place


def net(**options: Any) -> SyntheticDataset:
    return SyntheticDataset("testnet", N, SEED, shard_size=SHARD, **options)


def assert_equal_items(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        if isinstance(value, torch.Tensor):
            assert value.dtype == b[name].dtype
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(b[name])), name
        else:
            assert value == b[name], name


@pytest.mark.parametrize("model", ["testnet", "phantom"])
def test_items_equal_the_shards_in_any_order(model: str, tmp_path: Path) -> None:
    generate_dataset(model, tmp_path / "set", N, seed=SEED, shard_size=SHARD, workers=0)
    shards = SyntheticDataset.from_shards(tmp_path / "set")
    rendered = SyntheticDataset(model, N, SEED, shard_size=SHARD)
    order = np.random.default_rng(0).permutation(N)
    for made, stored in zip(rendered.__getitems__(order), shards.__getitems__(order), strict=True):
        assert_equal_items(made, stored)
    for i in range(N):
        assert_same(rendered.sample(i), shards.sample(i))


def test_indices_are_a_sequences() -> None:
    dataset = SyntheticDataset(fixed_dataset(5), 5, shard_size=2)
    assert len(dataset) == 5
    assert dataset[-1]["index"] == dataset[np.int64(4)]["index"] == 4
    assert dataset.sample(-5).key == "000000000"
    for wrong in (5, -6):
        with pytest.raises(IndexError, match=f"index {wrong} of 5"):
            dataset[wrong]
    with pytest.raises(TypeError):
        dataset["0"]  # type: ignore[index]
    assert [item["index"] for item in dataset] == list(range(5)), "a sequence ends by IndexError"


def test_a_call_renders_each_batch_once_and_recent_ones_not_again() -> None:
    generator = fixed_dataset(40)
    dataset = SyntheticDataset(generator, 40, shard_size=40)
    assert generator.batch_size == 3
    dataset.__getitems__([0, 39, 1, 38, 2, 0])
    assert generator.calls == [[0, 1, 2], [39], [36, 37, 38]]
    dataset[1]
    assert len(generator.calls) == 3
    for i in range(0, 40, 3):
        dataset[i]
    calls = len(generator.calls)
    dataset[0]
    assert len(generator.calls) == calls + 1, "only a few batches are kept"


def test_items_may_be_changed_in_place() -> None:
    dataset = SyntheticDataset(fixed_dataset(3), 3)
    first = dataset[0]["xray"].clone()
    dataset[0]["xray"].mul_(0)
    dataset.sample(0).images["xray"][:] = 0
    assert torch.equal(dataset[0]["xray"], first)


def test_weights_are_not_pickled_and_come_back() -> None:
    generator = TestNet()
    networks = [value for value in vars(generator).values() if isinstance(value, torch.nn.Module)]
    weights = sum(p.numel() * 4 for network in networks for p in network.parameters())
    for model in ("testnet", generator):
        dataset = SyntheticDataset(model, N, SEED, shard_size=SHARD)
        expected = dataset[5]
        data = pickle.dumps(dataset)
        assert len(data) < 10_000 < weights
        assert_equal_items(pickle.loads(data)[5], expected)


def read_with_workers(dataset: SyntheticDataset, context: str) -> list[dict[str, Any]]:
    loader = DataLoader(
        dataset,
        batch_size=4,
        num_workers=2,
        shuffle=True,
        multiprocessing_context=context,
        collate_fn=list,
        generator=torch.Generator().manual_seed(0),
    )
    items = [item for batch in loader for item in batch]
    assert sorted(item["index"] for item in items) == list(range(len(dataset)))
    return items


def test_forked_workers_give_the_same_items(folder: Path) -> None:
    shards = SyntheticDataset.from_shards(folder)
    for dataset in (net(), shards):
        for item in read_with_workers(dataset, "fork"):
            assert_equal_items(item, shards[item["index"]])


def test_spawned_workers_load_the_model_and_give_the_same_items() -> None:
    dataset = SyntheticDataset("flaky", 7, shard_size=4)
    for item in read_with_workers(dataset, "spawn"):
        assert_equal_items(item, dataset[item["index"]])


def test_rendering_has_a_workers_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    render = Flaky.render
    monkeypatch.setattr(Flaky, "render", lambda *args: (threads.append(torch.get_num_threads()), render(*args))[1])
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        SyntheticDataset("flaky", 2)[0]
        SyntheticDataset("flaky", 2, cache_dir=tmp_path / "cache")[0]
        synthmed.generate("flaky")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads == [THREADS] * 3


def test_default_collation_stacks_a_batch(folder: Path) -> None:
    for collate in (None, list_data_collate, synthmed.collate):
        for dataset in (net(), SyntheticDataset.from_shards(folder)):
            batch = next(iter(DataLoader(dataset, batch_size=3, collate_fn=collate)))
            assert batch["xray"].shape == (3, *dataset[0]["xray"].shape)
            assert batch["labels"].shape == (3, 1)
            assert batch["index"].tolist() == [0, 1, 2]
            assert len(batch["report"]) == 3


def test_transform_is_applied_to_each_item(folder: Path) -> None:
    for dataset in (
        net(transform=lambda item: item["index"]),
        SyntheticDataset.from_shards(folder, transform=lambda item: item["index"]),
        SyntheticDataset.stream(folder, transform=lambda item: item["index"]),
    ):
        assert list(dataset)[:3] == [0, 1, 2]


def test_a_forked_worker_of_a_cuda_process_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
    dataset = net()
    assert dataset[0]["index"] == 0, "a generator on the CPU does not mind"
    dataset = net()
    dataset._source._generator._device = "cuda"  # type: ignore[attr-defined]
    with pytest.raises(UserError, match='multiprocessing_context="spawn"'):
        dataset[0]


def test_a_model_that_changed_since_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps(net())
    monkeypatch.setattr("synthmed.generation.sources.load_model", lambda *_: TestNet(weights=1))
    with pytest.raises(UserError, match="testnet: the model has changed"):
        pickle.loads(data)[0]


def test_given_rows_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('labels\nnodule\n""\n')
    dataset = SyntheticDataset("flaky", 4, given=file)
    assert [item["prompt"] for item in dataset] == ["nodule", "", "nodule", ""]


def test_a_missing_model_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'testnet'"):
        SyntheticDataset("tesnet", 3)
