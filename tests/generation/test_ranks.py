from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.generation.ranks import parse_shards, ranked_shards


@pytest.mark.parametrize(
    ("text", "expected"), [("2:5", range(2, 5)), (":3", range(3)), ("7:", range(7, 10)), ("8:99", range(8, 10))]
)
def test_a_range_of_shards(text: str, expected: range) -> None:
    assert parse_shards(text, 10) == expected


@pytest.mark.parametrize("text", ["3", "5:5", "12:20", "a:b", "-1:3", "1:2:3"])
def test_what_is_not_a_range_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--shards"):
        parse_shards(text, 10)


@given(
    world=st.integers(1, 20),
    jobs=st.integers(1, 6),
    shards=st.integers(1, 100),
    first=st.integers(0, 3),
    step=st.integers(1, 3),
)
def test_ranks_of_a_slurm_array_share_all_shards(world: int, jobs: int, shards: int, first: int, step: int) -> None:
    made: list[int] = []
    for job in range(jobs):
        for rank in range(world):
            names = {
                "SLURM_PROCID": rank,
                "SLURM_NTASKS": world,
                "SLURM_ARRAY_TASK_ID": first + job * step,
                "SLURM_ARRAY_TASK_MIN": first,
                "SLURM_ARRAY_TASK_COUNT": jobs,
                "SLURM_ARRAY_TASK_STEP": step,
            }
            made += ranked_shards({name: str(value) for name, value in names.items()}, shards)
    assert sorted(made) == list(range(shards))


def test_without_ranks_all_shards_are_ours() -> None:
    assert ranked_shards({}, 7) == range(7)
    assert ranked_shards({"RANK": "1", "WORLD_SIZE": "2"}, 7) == range(3, 7)


@pytest.mark.parametrize("environment", [{"RANK": "2", "WORLD_SIZE": "2"}, {"RANK": "x", "WORLD_SIZE": "2"}])
def test_a_rank_that_cannot_be_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"RANK"):
        ranked_shards(environment, 7)
