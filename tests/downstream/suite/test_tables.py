from __future__ import annotations

import numpy as np
from downstream.suite.made import BIG, ELASTIC, both_settings, cell, cells, run

from synthmed.downstream.suite.comparisons import Comparison, compare
from synthmed.downstream.suite.tables import main_table, other_tables, subgroup_tables
from synthmed.report.table import Table

GAINED = {"mixed-1": (0.05, 0.06, 0.08)}


def only(*arguments: object, **changes: object) -> Comparison:
    (found,) = compare(run(*arguments, **changes))  # type: ignore[arg-type]  # as `run` takes them
    return found


def column(table: Table, head: str) -> list[object]:
    return [row[list(table.columns).index(head)] for row in table.rows]


def test_the_main_table_says_what_was_trained_and_found() -> None:
    table = main_table(only(cells(GAINED)))
    assert column(table, "amount") == ["10 %", "10 %", "100 %"]
    assert column(table, "synthetic rows") == ["0", "50", "0"]
    assert column(table, "accuracy ± SD") == ["0.700 ± 0.000", "0.763 ± 0.015", "0.950 ± 0.000"]
    assert column(table, "gain over real alone") == ["–", "+0.063", "–"]
    half = 4.302653 * np.std(GAINED["mixed-1"], ddof=1) / np.sqrt(3)  # Student's t at 0.975, 2 degrees of freedom
    assert column(table, "95 %, t")[1] == f"{0.19 / 3 - half:+.3f} to {0.19 / 3 + half:+.3f}"
    assert column(table, "p")[1] == column(table, "p, Holm")[1] == "0.019"
    assert column(table, "verdict") == ["reference", "gain", "reference"]
    assert column(table, "seeds") == [3, 3, 3]
    assert not {"real, 100 %", "note"} & set(table.columns)


def test_a_released_generators_table_has_all_real_rows_beside_and_no_gain_in_its_heads() -> None:
    strict, released = map(main_table, compare(run(both_settings(cells(GAINED)), ELASTIC, BIG)))
    assert column(released, "real, 100 %") == ["0.950"] * 3
    assert column(released, "difference from real alone") == column(strict, "gain over real alone")
    assert not any("gain" in head for head in released.columns)


def test_a_terminals_table_has_fewer_columns() -> None:
    found = only(cells(GAINED))
    narrow, wide = main_table(found, whole=False), main_table(found)
    assert set(narrow.columns) < set(wide.columns)
    assert max(map(len, narrow.to_text().splitlines())) < 140


def test_what_is_not_learnt_has_no_columns_of_differences() -> None:
    table = main_table(only(cells(GAINED, full=0.8)))
    assert column(table, "verdict") == ["reference", "not trained", "reference"]
    assert not any("95" in head or "gain" in head or head.startswith("p") for head in table.columns)
    assert "below 0.9" in str(column(table, "note")[1])


def test_one_seed_and_missing_values_are_said_so() -> None:
    table = main_table(only([*cells({"mixed-1": (0.1,)}), cell("mixed-2", 0, float("nan"))]))
    assert column(table, "accuracy ± SD") == ["0.700", "0.800", "–", "0.950"]
    assert column(table, "95 %, t") == ["–"] * 4
    assert column(table, "gain over real alone")[1] == "+0.100"
    assert column(table, "verdict")[1:3] == ["not shown", "not shown"]
    assert "1 of 1 seeds have no value" in str(column(table, "note")[2])
    several = [cell("real", 0, 0.9, real_rows=50), cell("real", 1, 0.9, real_rows=52)]
    assert column(main_table(only(several)), "real rows") == ["50 to 52"]


def test_other_figures_and_subgroups_stand_by_amount() -> None:
    scores = {"accuracy": 0.7, "recall/<b>": 0.6, "accuracy@sex=F": 0.8, "accuracy@note=a=b": None}
    made = [cell(arm, seed, 0.7, 0.1, scores=scores) for arm in ("real", "mixed-1") for seed in range(2)]
    made += [cell("real", 0, 0.95, 1.0, scores={"accuracy": 0.95, "recall/<b>": 0.9})]
    found = only(made)
    others = dict(other_tables(found))
    assert list(others) == ["10 %", "100 %"]
    assert others["10 %"].columns == ["figure", "real", "mixed-1"]
    assert others["10 %"].rows == [["recall/<b>", "0.600 ± 0.000", "0.600 ± 0.000"]]
    assert others["100 %"].rows == [["recall/<b>", "0.900"]]
    groups = dict(subgroup_tables(found, {"sex=F": 4}))
    assert groups["10 %"].rows == [
        ["sex", "F", "4", "0.800 ± 0.000", "0.800 ± 0.000"],
        ["note", "a=b", "–", "–", "–"],
    ]
    assert groups["100 %"].rows[0][3:] == ["–"]
    assert not list(other_tables(only(cells(GAINED))))
