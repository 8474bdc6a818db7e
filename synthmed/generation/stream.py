"""Shards as a webdataset pipeline, read by this package's own decoder instead of webdataset's, which unpickles."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import webdataset

from synthmed.generation.dataset_json import DatasetInfo, read_dataset_json
from synthmed.generation.items import ItemBuilder
from synthmed.generation.tar_stream import iterate_tar

Transform = Callable[[Any], Any]


def stream(
    url: str | Path, transform: Transform | None = None, boxes: bool | str = False, shuffle: int = 0
) -> webdataset.DataPipeline:
    """The items of a finished dataset, shard by shard: a pipeline for `webdataset.WebLoader` or a torch `DataLoader`.

    Shards are divided among nodes, then among data loader workers; with fewer shards than workers, some have none.

    Args:
        url: the folder.
        transform: applied to each item.
        boxes: as for `SyntheticDataset`.
        shuffle: samples in the shuffle buffer; the shards' order is shuffled too. Drawn from torch's generator, so
            `torch.manual_seed` repeats it. 0 keeps the order.

    Raises:
        UserError: there is no finished dataset. While it runs: a shard is damaged.
    """
    dataset = read_dataset_json(url)
    build = ItemBuilder.of(dataset.layout, dataset.to, dataset.labels, boxes)
    stages = [
        webdataset.SimpleShardList([dataset.tar(shard) for shard in range(dataset.shards)]),
        webdataset.split_by_node,
        webdataset.split_by_worker,
        functools.partial(_shuffled, size=dataset.shards) if shuffle else None,
        functools.partial(_items, dataset=dataset, build=build, transform=transform),
        functools.partial(_shuffled, size=shuffle) if shuffle else None,
    ]
    return webdataset.DataPipeline(*stages)


def _items(
    shards: Iterable[dict[str, str]], dataset: DatasetInfo, build: ItemBuilder, transform: Transform | None
) -> Iterator[Any]:
    for entry in shards:
        number = int(entry["url"].rpartition("-")[2].removesuffix(".tar"))
        count = min(dataset.shard_size, dataset.n - number * dataset.shard_size)
        for sample in iterate_tar(entry["url"], dataset.layout, count=count):
            item = build(sample)
            yield item if transform is None else transform(item)


def _shuffled(source: Iterator[Any], size: int) -> Iterator[Any]:
    rng = random.Random(int(torch.randint(2**62, ()).item()))
    yield from webdataset.shuffle(size, initial=size, rng=rng)(source)
