from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthmed_testplugin.flaky import Flaky

from synthmed.errors import UserError
from synthmed.generation.plan import default_shard_size, make_plan
from synthmed.phantom import Phantom

PLAN = make_plan(Flaky(), 10)


@given(n=st.integers(1, 500), shard_size=st.integers(1, 60), batch=st.integers(1, 20), data=st.data())
def test_every_sample_is_in_one_batch_of_one_shard(n: int, shard_size: int, batch: int, data: st.DataObject) -> None:
    plan = replace(PLAN, n=n, shard_size=shard_size, batch=batch)
    batches = [b for shard in range(plan.shards) for b in plan.batches(shard)]
    assert [i for b in batches for i in b] == list(range(n))
    assert all(0 < len(b) <= batch for b in batches)
    assert [i for shard in range(plan.shards) for i in plan.shard(shard)] == list(range(n))
    index = data.draw(st.integers(0, n - 1))
    assert plan.batch_of(index) == next(b for b in batches if index in b)


@given(st.integers(1, 10**9))
def test_default_shards_are_about_ten_until_they_hold_a_thousand(n: int) -> None:
    size = default_shard_size(n)
    assert 1 <= size <= 1000
    assert -(-n // size) <= 10 or size == 1000


def test_keys_have_no_dots_and_do_not_depend_on_n() -> None:
    assert PLAN.key(7) == replace(PLAN, n=10**9).key(7) == "000000007"
    assert len({PLAN.key(i) for i in range(10)}) == 10


def test_rows_are_cycled_and_their_labels_become_the_prompt() -> None:
    model = Flaky()
    plan = make_plan(model, 5, given=[{"labels": ("nodule",)}, {"labels": ("nodule", "no finding")}])
    assert [plan.request(i, model).prompt for i in range(3)] == ["nodule", "nodule, no finding", "nodule"]


def test_contrast_aliases_are_one_name() -> None:
    assert make_plan(Flaky(), 1, to=["xray", "xray"]).to == ("xray",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n = 0"),
        ({"n": 2 * 10**9}, "at most 10\\^9"),
        ({"n": 1, "seed": -1}, "seed = -1"),
        ({"n": 1, "shard_size": 0}, "shard size = 0"),
        ({"n": 1, "to": ["ct"]}, "flaky does not make ct from nothing; it makes: .*xray"),
        ({"n": 1, "to": ["xrai"]}, "did you mean 'xray'"),
        ({"n": 1, "to": ["xray..mask"]}, "not an image name"),
        ({"n": 1, "given": {"labels": ("nodul",)}}, "did you mean 'nodule'"),
        ({"n": 1, "given": {"report": "a"}}, "from report"),
        ({"n": 1, "given": []}, "no row"),
        ({"n": 1, "given": [{"labels": ("nodule",)}, {}]}, "row 1 has"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        make_plan(Flaky(), **arguments)
    assert "\n" not in str(caught.value)


def test_what_the_generator_does_not_take_is_refused_before_anything_is_made() -> None:
    with pytest.raises(UserError, match="'no finding' stands beside findings"):
        make_plan(Phantom(), 1, given=[{"labels": ("nodule",)}, {"labels": ("nodule", "no finding")}])


def test_the_given_hash_is_of_the_content() -> None:
    hashes = [
        make_plan(Flaky(), 1, given={"labels": labels}).given_hash
        for labels in (("nodule",), ["nodule"], ("no finding",))
    ]
    assert hashes[0] == hashes[1] != hashes[2]
