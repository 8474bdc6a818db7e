"""SyntheticDataset: a generator, or the shards that it made, as a torch dataset of MONAI dictionaries."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset

from synthmed.generation.dataset_json import read_dataset_json
from synthmed.generation.given import GivenFile, Rows
from synthmed.generation.items import ItemBuilder
from synthmed.generation.plan import make_plan
from synthmed.generation.reader import ShardReader
from synthmed.generation.sources import CachedSamples, RenderedSamples, Source
from synthmed.load import load_model
from synthmed.protocols import Generator
from synthmed.sample import Sample

if TYPE_CHECKING:
    import webdataset

Transform = Callable[[Any], Any]


class SyntheticDataset(Dataset[Any]):
    """``n`` synthetic samples as a map-style dataset; the same samples, bit for bit, as `synthmed generate` writes.

    Items are MONAI dictionaries (see `ItemBuilder`), which every MONAI transform, loader and engine takes. A sample is
    rendered with the whole batch of the plan that holds it, so read in order, or give ``cache_dir`` before shuffling.

    Args:
        model: a name or a folder for `synthmed.load_model`, or a generator, of which only ``source`` goes to workers.
        to: names of what each sample holds; the generator's default if None.
        given: one condition for all samples, rows that the samples cycle through, or the path of a file of them.
        transform: applied to each item.
        cache_dir: a folder or URL of shards, each made whole when a sample of it is first asked for, then only read.
        boxes: True adds ``box`` and ``label`` of the first image of ``to``, a name those of that image; then the loader
            needs ``collate_fn=synthmed.collate``.
        shard_size: samples a shard; part of what the samples' bytes depend on.

    Attributes:
        label_names: what each element of an item's ``labels`` stands for.
        box_names: what each value of an item's ``label`` stands for.

    Raises:
        UserError: the model, the request or the folder does not allow it.
    """

    def __init__(
        self,
        model: str | Path | Generator,
        n: int,
        seed: int = 0,
        to: Sequence[str] | None = None,
        given: Mapping[str, Any] | Rows | str | Path | None = None,
        transform: Transform | None = None,
        cache_dir: str | Path | None = None,
        boxes: bool | str = False,
        shard_size: int | None = None,
    ) -> None:
        generator = load_model(model) if isinstance(model, str | Path) else model
        rows = GivenFile(given) if isinstance(given, str | Path) else given
        plan = make_plan(generator, n, seed=seed, to=to, given=rows, shard_size=shard_size)
        build = ItemBuilder.of(plan.layout, plan.to, generator.labels, boxes)
        source = RenderedSamples(generator, plan) if cache_dir is None else CachedSamples(generator, plan, cache_dir)
        self._set(source, build, transform)

    @classmethod
    def from_shards(
        cls, url: str | Path, transform: Transform | None = None, boxes: bool | str = False
    ) -> SyntheticDataset:
        """A finished folder of shards, by random access.

        Raises:
            UserError: there is no finished dataset. When an item is read: a shard is damaged.
        """
        info = read_dataset_json(url)
        dataset = cls.__new__(cls)
        source = ShardReader(info.url, info.layout, info.n, info.shard_size)
        dataset._set(source, ItemBuilder.of(info.layout, info.to, info.labels, boxes), transform)
        return dataset

    @staticmethod
    def stream(
        url: str | Path, transform: Transform | None = None, boxes: bool | str = False, shuffle: int = 0
    ) -> webdataset.DataPipeline:
        """A finished folder of shards as a webdataset pipeline of the same items; see `synthmed.generation.stream`."""
        from synthmed.generation.stream import stream

        return stream(url, transform, boxes, shuffle)

    def _set(self, source: Source, build: ItemBuilder, transform: Transform | None) -> None:
        self._source = source
        self._build = build
        self.transform = transform
        self.label_names = build.label_names
        self.box_names = build.box_names

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The items at these indices, in their order; a data loader asks for a batch in one call."""
        samples = self._source.samples([self._index(index) for index in indices])
        items = [self._build(sample) for sample in samples]
        return items if self.transform is None else [self.transform(item) for item in items]

    def sample(self, index: int) -> Sample:
        """The `Sample` behind an item, with its provenance, boxes and attributes."""
        return self._source.samples([self._index(index)])[0]

    def _index(self, index: int) -> int:
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(f"index {number} of {len(self)} samples")
        return number % len(self)
