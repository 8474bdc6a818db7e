from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from synthmed.errors import UserError
from synthmed.evaluation.metric import Figure
from synthmed.evaluation.results import Outcome, finite, read_json, write, write_json


def test_an_outcome_comes_back_from_its_json() -> None:
    figure = Figure("kid", "a", {"image": "xray"}, 0.5, 9, 0.1, 0.9, 0.2, 0.1, 0.3, "grid", "größe")
    outcome = Outcome("kid", "summary", "low", (0.0, None), "source", (figure, Figure("kid", note="none")), "why")
    assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome
    with pytest.raises(ValueError, match="keys"):
        Outcome.from_json({**outcome.to_json(), "more": 1})


def test_no_number_is_nan_or_infinite_and_numpy_becomes_python(tmp_path: Path) -> None:
    figure = Figure("psnr", value=float("inf"), low=float("nan"), high=np.float32(0.5), n=np.int64(3), note="a")  # type: ignore[arg-type]  # what a careless metric gives
    found = finite(figure)
    assert (found.value, found.low, found.high, found.n) == (None, None, 0.5, 3)
    assert found.note == "a; the value is inf"
    write_json(tmp_path / "sub" / "a.json", Outcome("psnr", figures=(figure,)).to_json())
    text = (tmp_path / "sub" / "a.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert read_json(tmp_path / "sub" / "a.json")["figures"][0]["high"] == 0.5


def test_files_are_whole_or_not_there(tmp_path: Path) -> None:
    write(tmp_path / "a", b"first")
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a", float("nan"))
    assert (tmp_path / "a").read_bytes() == b"first"
    with pytest.raises(UserError, match="name another --out"):
        write(tmp_path / "a" / "b", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_what_is_no_json_is_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(text)
    assert read_json(tmp_path / "a") is None
    assert read_json(tmp_path / "b") is None
