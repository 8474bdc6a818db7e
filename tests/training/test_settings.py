"""The settings of a run."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from synthmed.training.settings import FREE_ON_RESUME, Settings


def test_what_may_change_on_resume_is_not_decisive() -> None:
    assert set(Settings.model_fields) >= FREE_ON_RESUME
    assert {*Settings(steps=1).decisive()} == {*Settings.model_fields} - FREE_ON_RESUME


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"steps": 0},
        {"steps": 1, "lr": 1e-3},
        {"steps": 1, "learning_rate": float("nan")},
        {"steps": 1, "ema_decay": 1.0},
        {"steps": 1, "precision": "fp8"},
        {"steps": 1, "trackers": ["comet"]},
    ],
)
def test_wrong_values(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**values)


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings(steps=1).steps = 2  # type: ignore[misc]
