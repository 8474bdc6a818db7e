from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthmed.downstream.cell import Cell
from synthmed.downstream.rows import Rows
from synthmed.downstream.suite.keep import Kept, KeptPredictions, differences
from synthmed.downstream.suite.rows_file import RowsFolder
from synthmed.downstream.suite.truth_file import load_truth, save_truth
from synthmed.downstream.truth import Truth, boxes
from synthmed.errors import UserError

TRUTHS: dict[str, Truth] = {
    "labels": np.array([[0.25, 0.5], [1, 0]], np.float32),
    "maps": np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4),
    "boxes": (boxes([(0, 1, 2, 3), (1, 1, 4, 4)], [1, 0], [0.5, 0.25]), boxes([], [])),
    "no boxes": (boxes([], []), boxes([], [])),
}
CELL = Cell("s", "detection", "xray", "real", 0.1, 3, "strict", "map50", 0.5, 0.5, {"map50": 0.5}, test_rows=2)


def same(one: Truth, other: Truth) -> bool:
    if isinstance(one, tuple):
        pairs = zip(one, other, strict=True)
        return all(
            np.array_equal(getattr(a, name), getattr(b, name))
            for a, b in pairs
            for name in ("corners", "categories", "scores")
        )
    return one.dtype == other.dtype and np.array_equal(one, other)


@pytest.mark.parametrize("kind", list(TRUTHS))
def test_a_truth_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    save_truth(tmp_path / "a.safetensors", TRUTHS[kind])
    assert same(load_truth(tmp_path / "a.safetensors", 2), TRUTHS[kind])
    with pytest.raises(UserError, match=r"cannot be read .*remove it"):
        load_truth(tmp_path / "a.safetensors", 3)


def test_damaged_predictions_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_truth(path, TRUTHS["boxes"])
    whole = path.read_bytes()
    for data in (b"", whole[:-3], b"\xff" * 40):
        path.write_bytes(data)
        with pytest.raises(UserError, match="cannot be read") as caught:
            load_truth(path, 2)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", list(TRUTHS))
def test_rows_come_back_and_are_not_made_twice(kind: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((2, 1, 3, 4)).astype(np.float16)
    rows = Rows(pixels, TRUTHS[kind], ("zoe", ""), ({"age": 3}, {}), "digest", ("a", "b"))
    folder, calls = RowsFolder(tmp_path / "rows"), []

    def make(path: Path) -> Rows:
        calls.append(path)
        np.save(path, pixels)
        return replace(rows, pixels=np.load(path, mmap_mode="r"))

    for identity, times in (("one", 1), ("one", 1), ("other", 2)):
        found = folder.make(identity, make)
        assert len(calls) == times
        assert np.array_equal(found.pixels, pixels)
        assert isinstance(found.pixels, np.memmap)
        assert same(found.truth, rows.truth)
        assert (found.attributes, found.digest, found.keys) == (rows.attributes, "digest", ("a", "b"))
        assert found.patients == ("0000001", "")  # no pseudonym is written
    (tmp_path / "rows" / "pixels.npy").write_bytes(b"no array")
    with pytest.raises(UserError, match="cannot be read"):
        folder.load()


def test_a_cell_is_kept_with_its_predictions_or_trained_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    assert kept.load(CELL.key) is None
    kept.save(CELL, TRUTHS["boxes"])
    assert kept.load(CELL.key) == CELL
    found = KeptPredictions(kept, {"alias": (CELL.key, 2)})
    assert same(found["alias"], TRUTHS["boxes"])
    path = tmp_path / "cells" / f"{CELL.key}.json"
    for text, message in (("{", "cannot be read"), ("{}", "remove it"), (json.dumps([1]), "remove it")):
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            kept.load(CELL.key)
    path.write_text(json.dumps({**CELL.to_json(), "seed": 4}))
    with pytest.raises(UserError, match=r"is the cell .*seed4; remove it"):
        kept.load(CELL.key)
    (tmp_path / "cells" / f"{CELL.key}.safetensors").unlink()
    assert kept.load(CELL.key) is None


def test_another_run_and_strangers_files_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    kept = Kept(out)
    kept.begin({"suite": {"tasks": [{"fit": {"steps": 10}}]}, "data": {"train": "a"}})
    kept.begin({"suite": {"tasks": [{"fit": {"steps": 10}}]}, "data": {"train": "a"}})
    other = {"suite": {"tasks": [{"fit": {"steps": 11}}]}, "data": {"train": "b"}}
    with pytest.raises(UserError, match=r"another suite or data \(data.train, suite.tasks.0.fit.steps\)"):
        kept.begin(other)
    kept.save(CELL, TRUTHS["boxes"])
    (out / "mine.txt").write_text("the user's")
    kept.begin(other, overwrite=True)
    assert kept.load(CELL.key) is None
    assert (out / "mine.txt").exists()

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    for overwrite in (False, True):
        with pytest.raises(UserError, match="no run of a suite"):
            Kept(tmp_path / "full").begin(other, overwrite=overwrite)


def test_differences_are_named_by_path() -> None:
    assert differences({"a": [1, {"b": 2}], "c": 3}, {"a": [1, {"b": 4}], "d": 5}) == ["a.1.b", "c", "d"]
    assert differences({"a": [1]}, {"a": [1, 2]}) == ["a"]
    assert differences({"a": None}, {"a": None}) == []
