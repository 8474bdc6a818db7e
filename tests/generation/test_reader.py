"""Arbitrary samples through the engine's writer and every reader."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
import numpy as np
import pytest
from helpers.samples import assert_same, datasets, fixed_dataset, write_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.generation.dataset import SyntheticDataset
from synthmed.generation.dataset_json import read_dataset_json
from synthmed.generation.reader import ShardReader
from synthmed.generation.tar_stream import iterate_tar
from synthmed.sample import Sample


def check_against_original(read: Sample, original: Sample, layout: Any) -> None:
    """Without a word of the package's own grid: values within half a stored level, all else equal."""
    for name, image in original.images.items():
        assert read.images[name].dtype == np.float32
        assert read.images[name].shape == image.shape
        step = layout.images[name].slope
        assert np.abs(read.images[name].astype(np.float64) - image).max() <= step / 2 + 1e-4 * step
    for name, mask in original.masks.items():
        np.testing.assert_array_equal(read.masks[name], mask)
    assert read.report == original.report
    assert read.labels == original.labels
    assert read.labels_by_image == original.labels_by_image
    assert read.boxes == original.boxes
    assert read.spacing == original.spacing
    assert read.attributes == original.attributes


@settings(deadline=None, max_examples=50)
@given(datasets(), st.integers(1, 4))
def test_every_reader_gives_the_samples_that_were_written(generator: Any, shard_size: int) -> None:
    n = len(generator.samples)
    made = SyntheticDataset(generator, n, shard_size=shard_size)
    with TemporaryDirectory() as folder:
        write_dataset(generator, folder, shard_size)
        info = read_dataset_json(folder)
        shards = SyntheticDataset.from_shards(folder)
        streamed = [s for number in range(info.shards) for s in iterate_tar(info.tar(number), info.layout)]
        items = list(SyntheticDataset.stream(folder))
        assert len(streamed) == len(shards) == len(items) == info.n == n
        for i, original in enumerate(generator.samples):
            check_against_original(streamed[i], original, info.layout)
            assert_same(streamed[i], made.sample(i))
            assert_same(shards.sample(i), made.sample(i))
            for item in (items[i], shards[i]):
                assert item.keys() == made[i].keys()
                for name, image in made.sample(i).images.items():
                    np.testing.assert_array_equal(item[name].numpy(), image)
                assert {k: v for k, v in item.items() if isinstance(v, str | int)} == {
                    k: v for k, v in made[i].items() if isinstance(v, str | int)
                }
                assert item["labels"].tolist() == made[i]["labels"].tolist()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shards") / "set"
    write_dataset(fixed_dataset(10), place, shard_size=4)
    return place


def test_dataset_json_says_what_is_there(folder: Path) -> None:
    info = read_dataset_json(folder)
    assert (info.n, info.shards, info.shard_size) == (10, 3, 4)
    assert info.labels == fixed_dataset().labels
    assert set(info.layout.images) == {"xray", "ct", "mri.t2", "photo"}


def test_samples_come_in_any_order_and_as_often_as_asked(folder: Path) -> None:
    info = read_dataset_json(folder)
    reader = ShardReader(folder, info.layout, info.n, info.shard_size)
    again = pickle.loads(pickle.dumps(reader))
    for order in ([9, 0, 5, 5, 3], [], [4]):
        assert [sample.provenance.index for sample in reader.samples(order)] == order
        assert [sample.provenance.index for sample in again.samples(order)] == order


def test_a_tar_is_read_from_an_open_file_a_path_and_a_url(folder: Path) -> None:
    info = read_dataset_json(folder)
    tar = folder / "synthmed-000000.tar"
    with fsspec.open("memory://shards/x.tar", "wb") as file:
        file.write(tar.read_bytes())
    wanted = list(iterate_tar(tar, info.layout, count=4))
    for source in (io.BytesIO(tar.read_bytes()), f"file://{tar}", "memory://shards/x.tar"):
        for a, b in zip(iterate_tar(source, info.layout), wanted, strict=True):
            assert_same(a, b)


def test_shards_in_an_object_store_are_read_by_ranges() -> None:
    generator = fixed_dataset(5)
    write_dataset(generator, "memory://bucket/set", shard_size=2)
    remote, made = SyntheticDataset.from_shards("memory://bucket/set"), SyntheticDataset(generator, 5, shard_size=2)
    for i in (4, 0, 3):
        assert_same(remote.sample(i), made.sample(i))
    assert [item["index"] for item in SyntheticDataset.stream("memory://bucket/set")] == list(range(5))


def test_an_unfinished_folder_says_how_much_is_there(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.name not in ("dataset.json", "synthmed-000001.stats.json"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(UserError, match="unfinished: 2 of 3 shards; run the same command again"):
        SyntheticDataset.from_shards(tmp_path)


def test_another_folder_is_not_a_dataset(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=r"no dataset\.json"):
            SyntheticDataset.stream(place)
