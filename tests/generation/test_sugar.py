from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.samples import assert_same
from synthmed_testplugin.flaky import Flaky

from synthmed import SyntheticDataset, generate
from synthmed.errors import UserError
from synthmed.generation.engine import generate_dataset


def test_generate_gives_the_datasets_samples(tmp_path: Path) -> None:
    generate_dataset("testnet", tmp_path / "set", 23, seed=5, to=["xray", "report"], workers=0)
    stored = SyntheticDataset.from_shards(tmp_path / "set")
    for i, sample in enumerate(generate("testnet", ["xray", "report"], n=23, seed=5)):
        assert_same(sample, stored.sample(i))


def test_generate_may_be_a_method() -> None:
    class Model(Flaky):
        generate = generate

    by_method, by_call = Model().generate(to=["xray"], n=2), generate(Flaky(), ["xray"], n=2)
    for a, b in zip(by_method, by_call, strict=True):
        assert_same(a, b)


def test_given_rows_cycle_and_one_condition_is_for_all() -> None:
    rows = [{"labels": ("nodule",)}, {"labels": ()}]
    assert [sample.prompt for sample in generate("flaky", given=rows, n=5)] == ["nodule", "", "nodule", "", "nodule"]
    assert [sample.prompt for sample in generate("flaky", given=rows[0], n=2)] == ["nodule", "nodule"]


def test_seeds_and_only_they_change_samples() -> None:
    first, again, other = generate("flaky", n=1), generate("flaky", n=1), generate("flaky", n=1, seed=1)
    np.testing.assert_array_equal(first[0].images["xray"], again[0].images["xray"])
    assert not np.array_equal(first[0].images["xray"], other[0].images["xray"])


def test_what_the_model_does_not_make_is_refused() -> None:
    with pytest.raises(UserError, match="flaky does not make ct from nothing; it makes"):
        generate("flaky", to=["ct"])
