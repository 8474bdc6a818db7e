"""The same items at the same place of a run, whoever loads them."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import CacheDataset, Dataset
from monai.transforms import Compose, OneOf, RandFlip, RandGaussianNoise, RandRotate90, RandShiftIntensity
from training.toy import images, settings

from synthmed.training.batches import WINDOW, SeededItems, Share, make_loader, places, randomizables


def test_every_epoch_has_each_item_once_in_an_order_of_its_own() -> None:
    stream = [place for step in range(30) for place in places(7, 4, 5, step)]
    assert [position for position, _ in stream] == list(range(120))
    epochs = [[index for _, index in stream[at : at + 7]] for at in range(0, 119, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 14
    assert [place for step in range(30) for place in places(7, 4, 6, step)] != stream


def test_items_alike_in_size_share_a_batch() -> None:
    sizes = [int(value) for value in np.random.default_rng(0).integers(10, 100, 50)]
    plain = [place for step in range(WINDOW * 3) for place in places(50, 4, 5, step)]
    steps = [places(50, 4, 5, step, sizes) for step in range(WINDOW * 3)]
    for window in range(3):  # the same items, each at its own place of the stream
        batches = steps[window * WINDOW : (window + 1) * WINDOW]
        assert sorted(place for batch in batches for place in batch) == plain[window * 64 : (window + 1) * 64]
        # Batches do not overlap in size, and do not come in its order.
        spans = [(sizes[batch[0][1]], sizes[batch[-1][1]]) for batch in batches]
        assert spans != sorted(spans)
        ordered = sorted(spans)
        assert all(low <= high for low, high in spans)
        assert all(before[1] <= after[0] for before, after in pairwise(ordered))
    assert places(50, 4, 5, 20, sizes) == steps[20]


def test_a_loader_takes_the_sizes_of_its_dataset() -> None:
    class Texts(Dataset):
        sizes = (9, 1, 8, 2, 7, 3)

        def __init__(self) -> None:
            super().__init__([float(size) for size in self.sizes])

    batches = [batch.tolist() for batch in make_loader(Texts(), settings(steps=WINDOW, batch_size=2, accumulate=1))]
    assert all(abs(one - other) <= 1 for one, other in batches)


def test_a_batch_may_be_larger_than_the_dataset() -> None:
    assert {index for _, index in places(3, 8, 0, 2)} == {0, 1, 2}


@pytest.mark.parametrize("transformed", [Dataset, CacheDataset])
def test_the_same_items_for_any_workers_start_and_division(transformed: Any) -> None:
    data = images()
    dataset = data if transformed is Dataset else CacheDataset(data.data, data.transform, progress=False)
    wanted = settings(steps=5, accumulate=1, seed=3)
    expected = [batch.clone() for batch in make_loader(dataset, wanted)]
    assert len(expected) == 5
    assert len({batch.numpy().tobytes() for batch in expected}) == 5
    for workers in (1, 2):
        batches = list(make_loader(dataset, wanted.model_copy(update={"loader_workers": workers}), start_step=2))
        assert all(torch.equal(one, other) for one, other in zip(expected[2:], batches, strict=True))
    parts = [
        list(make_loader(dataset, wanted.model_copy(update={"accumulate": 2}), share=Share(rank, 2))) for rank in (0, 1)
    ]
    first, second = ([torch.cat(loader[at : at + 2]) for at in range(0, 10, 2)] for loader in parts)
    divided = [torch.cat(pair) for pair in zip(first, second, strict=True)]
    assert all(torch.equal(one, other) for one, other in zip(expected, divided, strict=True))


def test_an_item_differs_from_epoch_to_epoch() -> None:
    items = SeededItems(images(1), 0, tuple(randomizables(images(1))))
    assert not torch.equal(items[(0, 0)], items[(1, 0)])


def test_every_kind_of_random_number_is_set() -> None:
    class Draws:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> tuple[float, float, float]:
            return torch.rand(()).item(), float(np.random.rand()), random.random()

    items = SeededItems(Draws(), 0, ())
    assert items[(5, 1)] == items[(5, 1)]
    assert all(one != other for one, other in zip(items[(5, 1)], items[(6, 1)], strict=True))


def test_random_transforms_are_found_where_they_hide() -> None:
    flip, shift = RandFlip(0.5), RandShiftIntensity(0.1)
    inner = Dataset([1, 2], Compose([flip, OneOf([RandRotate90(), RandGaussianNoise()])]))

    class Pairs(torch.utils.data.Dataset[Any]):
        def __init__(self) -> None:
            self.parts = [torch.utils.data.Subset(inner, [0]), Dataset([3], shift)]
            self.augment = (shift, flip)
            self.rows = list(range(100_000))

    found = list(randomizables(Pairs()))
    assert any(one is inner.transform for one in found)
    assert sum(one is shift for one in found) >= 1
    assert any(one is flip for one in found)


def test_batches_at_once_unless_items_are_random() -> None:
    subset = torch.utils.data.Subset(images(), list(range(8)))
    items = SeededItems(subset, 0, tuple(randomizables(subset)))
    one, two = items.__getitems__([(4, 1), (5, 2)])
    assert torch.equal(one, items[(4, 1)])
    assert torch.equal(two, items[(5, 2)])
    at_once = SeededItems(torch.utils.data.Subset(list(range(8)), [3, 4, 5]), 0, ())  # type: ignore[arg-type]
    assert at_once.__getitems__([(4, 1), (5, 2)]) == [4, 5]
