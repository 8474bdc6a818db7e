from __future__ import annotations

from pathlib import Path
from typing import Literal

import pydantic
import pytest

from synthmed.errors import UserError
from synthmed.runs.record import begin, begun, described
from synthmed.runs.stages import typed_stage


class Stage(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    stage: Literal["toy"]
    weight: float = 1.0
    teacher: Path | Literal["none"] = "none"
    training: dict[str, int] = {}


def test_a_folder_is_of_one_run(tmp_path: Path) -> None:
    did: list[str] = []
    assert not begun(tmp_path)
    begin(tmp_path, {"model": {"seed": 0}}, lambda: did.append("first"))
    assert begun(tmp_path)
    begin(tmp_path, {"model": {"seed": 0}}, lambda: did.append("again"))
    assert did == ["first"]
    with pytest.raises(UserError, match=r"holds another run: model\.seed was 0, is 1"):
        begin(tmp_path, {"model": {"seed": 1}})
    begin(tmp_path, {"model": {"seed": 0, "new": 2}}, upgrade=lambda before: {"model": {"new": 2, **before["model"]}})


def test_a_file_of_weights_is_described_by_what_is_in_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"weights")
    one, moved = (described(Stage(stage="toy", teacher=tmp_path / name)) for name in ("a", "b"))
    assert one == moved
    assert "training" not in one
    (tmp_path / "b").write_bytes(b"others")
    assert described(Stage(stage="toy", teacher=tmp_path / "b")) != one
    assert described(Stage(stage="toy"))["teacher"] == "none"


def test_stages_are_typed_with_their_kinds_defaults() -> None:
    kinds, defaults = {"toy": Stage}, {"toy": {"steps": 1, "seed": 2}}
    entry = {"stage": "toy", "training": {"steps": 9}}
    found = typed_stage(entry, {"seed": 3}, "a.yaml: stages.0", kinds, defaults)
    assert found.training == {"steps": 9, "seed": 3}
    for wrong, message in (
        ({"stage": "tov"}, r"a\.yaml: stages\.0: no stage 'tov'.*'toy'"),
        ({"stage": ["toy"]}, "no stage"),
        ({"stage": "toy", "weigth": 2}, "weigth"),
        ({"stage": "toy", "training": [1]}, "training is a mapping"),
    ):
        with pytest.raises(UserError, match=message):
            typed_stage(wrong, {}, "a.yaml: stages.0", kinds, defaults)
