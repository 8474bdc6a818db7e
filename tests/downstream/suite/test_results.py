from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from downstream.suite.made import BIG, ELASTIC, both_settings, cell, cells, right, run

from synthmed.downstream.cell import Cell
from synthmed.downstream.suite.results import parquet, write_results
from synthmed.errors import UserError

GAINED = {"mixed-1": (0.05, 0.06, 0.08), "mixed-5": (0.0, 0.1, -0.1)}


def test_a_run_leaves_its_files_and_gives_its_tables(tmp_path: Path) -> None:
    made = both_settings(cells(GAINED))
    whole = run(made, ELASTIC, BIG, predictions=right(made))
    shown = write_results(tmp_path / "out", whole)
    assert "CLASSIFICATION, XRAY: BIG (RELEASED)" in shown
    assert "+0.063" in shown
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "report.html",
        "results.json",
        "results.parquet",
    ]
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [Cell.from_json(one, "") for one in found["cells"]] == made
    strict, released = found["tables"]
    assert (strict["setting"], strict["generator"], strict["trained"]) == ("strict", "elastic", True)
    assert (released["setting"], released["generator"], released["comparisons"]) == ("released", "big", 2)
    line = next(line for line in strict["lines"] if line["arm"] == "mixed-1")
    assert line["effect"]["mean"] == pytest.approx(0.19 / 3)
    assert line["p_holm"] == pytest.approx(2 * line["effect"]["p"])
    assert (line["verdict"], line["values"]["2"]) == ("gain", pytest.approx(0.78))
    assert line["over_patients_and_seeds"]["low"] is not None
    assert found["suite"]["name"] == "toy"
    assert found["generators"][1]["seen"] == 1234
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert write_results(tmp_path / "out", whole) == shown
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_what_is_not_learnt_has_no_effect_in_json_either(tmp_path: Path) -> None:
    write_results(tmp_path, run(cells(GAINED, full=0.5)))
    (table,) = json.loads((tmp_path / "results.json").read_text())["tables"]
    assert table["trained"] is False
    assert all(line["effect"] is line["p_holm"] is line["over_patients_and_seeds"] is None for line in table["lines"])


def test_parquet_reads_back_equal(tmp_path: Path) -> None:
    made = [
        cell("real", 0, 0.9, 0.25, scores={"accuracy": 0.9, "accuracy@sex=F": 0.1}),
        cell("mixed-1", 3, float("nan"), 50, scores={"accuracy": float("inf"), "recall/a": None}),
    ]
    (tmp_path / "a.parquet").write_bytes(parquet(made))
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["amount_is"] for row in rows] == ["share", "rows"]
    assert [row["score.accuracy@sex=F"] for row in rows] == [0.1, None]
    assert [row["score.accuracy"] for row in rows] == [0.9, None]
    assert rows[0]["value"] == 0.9
    assert rows[1]["value"] is None
    for row, one in zip(rows, made, strict=True):
        for name in ("suite", "task", "image", "arm", "amount", "seed", "setting", "generator", "bar", "seconds"):
            assert row[name] == getattr(one, name)
        assert (row["real_rows"], row["synthetic_rows"]) == (one.real_rows, one.synthetic_rows)
    assert pq.read_table(tmp_path / "a.parquet").schema.field("score.recall/a").type == "double"
    assert parquet(made) == parquet(made)


def test_an_empty_run_and_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    assert "toy: benchmark" in write_results(tmp_path / "a", run([]))
    assert pq.read_table(tmp_path / "a" / "results.parquet").num_rows == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="results"):
        write_results(tmp_path / "file" / "x", run([]))
