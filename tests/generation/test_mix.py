from __future__ import annotations

import monai
import pytest
import torch
from helpers.samples import fixed_dataset
from monai.data import MetaTensor
from torch.utils.data import DataLoader

from synthmed import SyntheticDataset, mix
from synthmed.errors import UserError

REAL = [{"xray": torch.zeros(1, 12, 20), "labels": torch.zeros(3), "name": f"real {i}"} for i in range(10)]
KEYS = ("xray", "labels")


def synthetic(n: int = 10) -> SyntheticDataset:
    return SyntheticDataset(fixed_dataset(n), n)


@pytest.mark.parametrize(("ratio", "extra"), [(0, 0), (0.24, 2), (0.26, 3), (1, 10)])
def test_all_real_items_and_a_ratio_of_synthetic_ones(ratio: float, extra: int) -> None:
    made = synthetic()
    mixed = mix(REAL, made, ratio, KEYS)
    assert len(mixed) == 10 + extra
    for i in range(10):
        assert mixed[i]["xray"] is REAL[i]["xray"]
    for i in range(extra):
        assert torch.equal(mixed[10 + i]["xray"], made[i]["xray"])
        assert set(mixed[10 + i]) == set(mixed[0]) == set(KEYS)
    assert torch.equal(mixed[-1]["labels"], mixed[9 + extra]["labels"])
    for wrong in (10 + extra, -11 - extra):
        with pytest.raises(IndexError):
            mixed[wrong]


def test_a_batch_asks_for_its_synthetic_items_together() -> None:
    generator = fixed_dataset(9)
    mixed = mix(REAL, SyntheticDataset(generator, 9, shard_size=9), 0.9, KEYS)
    generator.calls.clear()
    items = mixed.__getitems__([18, 0, 13, 13, 17, 5, 14])
    assert len(generator.calls) == 2
    assert [item["xray"].max() > 0 for item in items] == [True, False, True, True, True, False, True]


def test_a_loader_shuffles_the_two() -> None:
    loader = DataLoader(mix(REAL, synthetic(), 1.0, KEYS), batch_size=5, shuffle=True, num_workers=2)
    batches = list(loader)
    assert sum(len(batch["xray"]) for batch in batches) == 20
    assert sum(int((image.max() > 0).item()) for batch in batches for image in batch["xray"]) == 10


def test_metatensors_stay_where_both_have_them() -> None:
    made = synthetic()
    real = [{"xray": MetaTensor(torch.zeros(1, 12, 20)), "labels": torch.zeros(3)}] * 3
    mixed = mix(real, made, 1.0, KEYS)
    assert all(isinstance(mixed[i]["xray"], MetaTensor) for i in range(6))
    batch = next(iter(monai.data.DataLoader(mixed, batch_size=6)))
    assert isinstance(batch["xray"], MetaTensor)
    assert not isinstance(mix(REAL, made, 1.0, KEYS)[10]["xray"], MetaTensor)


def test_too_few_synthetic_items_are_refused() -> None:
    for ratio in (1.1, -0.1, float(10**6)):
        with pytest.raises(UserError, match="there are 10"):
            mix(REAL, synthetic(), ratio, KEYS)
    with pytest.raises(UserError, match="0 real items"):
        mix([], synthetic(), 1.0)


def test_keys_that_differ_are_listed() -> None:
    with pytest.raises(UserError, match=r"\['labels', 'name', 'xray'\], synthetic ones \['ct', "):
        mix(REAL, synthetic(), 1.0)
    with pytest.raises(UserError, match="no name, xry in both"):
        mix(REAL, synthetic(), 1.0, ["xray", "name", "xry"])
    made = synthetic()
    assert len(mix([made[0]], made, 1.0)) == 2, "equal keys need not be named"
