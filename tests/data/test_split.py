"""Splits by patient, and official ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmed.data.record import Record
from synthmed.data.split import official, split_by_patient
from synthmed.errors import UserError

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}


def sides(records: list[Record], seed: int = 0) -> dict[str, str]:
    parts = split_by_patient(records, SHARES, seed)
    return {record.id: name for name, part in parts.items() for record in part}


rows = st.lists(
    st.tuples(st.text(max_size=6), st.sampled_from(["", "a", "b", "c", "d", "é"])),
    max_size=30,
    unique_by=lambda r: r[0],
).map(lambda pairs: [Record(name, patient=patient) for name, patient in pairs])


@given(rows, st.integers(0, 2**40))
def test_a_patient_is_on_one_side_and_nobody_is_lost(records: list[Record], seed: int) -> None:
    placed = sides(records, seed)
    assert placed.keys() == {record.id for record in records}
    for patient in {record.patient for record in records} - {""}:
        assert len({placed[record.id] for record in records if record.patient == patient}) == 1


@given(rows, st.data())
def test_others_that_come_go_or_swap_move_nobody(records: list[Record], data: st.DataObject) -> None:
    placed = sides(records)
    kept = data.draw(st.permutations(records))[: len(records) // 2]
    assert sides(list(kept)).items() <= placed.items()


@given(rows)
def test_rows_keep_their_order(records: list[Record]) -> None:
    for part in split_by_patient(records, SHARES, 3).values():
        assert part == [record for record in records if record in part]


def test_shares_hold_within_four_standard_deviations_and_seeds_differ() -> None:
    n = 20_000
    records = [Record(str(i), patient=f"p{i}") for i in range(n)]
    parts = split_by_patient(records, SHARES, 5)
    assert list(parts) == ["train", "val", "test"]
    for name, share in SHARES.items():
        assert abs(len(parts[name]) - n * share) < 4 * math.sqrt(n * share * (1 - share))
    other = sides(records, 6)
    assert 0.3 < sum(other[record.id] == "train" for record in parts["test"]) / len(parts["test"]) < 0.9


def test_a_row_is_not_the_patient_of_that_name() -> None:
    pairs = [(Record(f"x{i}"), Record("y", patient=f"x{i}")) for i in range(50)]
    assert any(sides([one])[one.id] != sides([two])["y"] for one, two in pairs)


def test_places_are_the_same_for_ever() -> None:
    records = [Record(str(i), patient=f"p{i}") for i in range(12)]
    placed = sides(records, 2)
    assert "".join(placed[record.id][1] for record in records) == "rrraererrere"


def test_all_in_one_split() -> None:
    records = [Record(str(i)) for i in range(100)]
    assert split_by_patient(records, {"train": 1.0, "test": 0.0}, 0) == {"train": records, "test": []}


@pytest.mark.parametrize(
    "fractions",
    [{}, {"train": 0.5}, {"train": 0.7, "test": 0.4}, {"train": 1.5, "test": -0.5}, {"train": math.nan, "test": 1.0}],
)
def test_fractions_that_are_none(fractions: dict[str, float]) -> None:
    with pytest.raises(UserError, match="add up to 1"):
        split_by_patient([], fractions, 0)


def test_a_split_that_is_none() -> None:
    with pytest.raises(UserError, match="'dev'"):
        split_by_patient([], {"dev": 1.0}, 0)


def test_official() -> None:
    records = [Record("1", split="test"), Record("2", split="train"), Record("3", split="test")]
    assert official(records) == {"train": [records[1]], "test": [records[0], records[2]]}
    assert list(official(records)) == ["train", "test"]
    with pytest.raises(UserError, match=r"1 of 3 records have no official split \(the first: 2\)"):
        official([records[0], replace(records[1], split=""), records[2]])
