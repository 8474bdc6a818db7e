"""Scores of some patients alone: by age, sex, view and whatever else rows say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from synthmed.downstream.rows import Rows
from synthmed.downstream.tasks.task import Task
from synthmed.downstream.truth import Truth, take
from synthmed.sample import Scalar

AGES = (40, 65)
"""Years at which a new group of ages begins."""
SUBGROUPS = ("age", "sex", "view")


def scores(
    task: Task, predictions: Truth, rows: Rows, subgroups: Sequence[str] = SUBGROUPS, least: int = 20
) -> dict[str, float]:
    """The task's figures, and ``<primary>@<attribute>=<group>`` of the groups with at least ``least`` rows.

    A group in which the primary figure has no value is left out.
    """
    found = dict(task.score(predictions, rows.truth))
    for attribute in subgroups:
        for group, places in groups(rows.attributes, attribute).items():
            if len(places) >= least:
                figures = task.score(take(predictions, places), take(rows.truth, places))
                if not np.isnan(figures[task.primary]):
                    found[f"{task.primary}@{attribute}={group}"] = figures[task.primary]
    return found


def groups(attributes: Sequence[Mapping[str, Scalar]], attribute: str) -> dict[str, npt.NDArray[np.int64]]:
    """Places of rows by what they say of an attribute, in the order of the groups' names; others are left out.

    Ages become ``under 40``, ``40 to 64`` and ``65 and over``.
    """
    found: dict[str, list[int]] = {}
    for place, said in enumerate(attributes):
        value = said.get(attribute, "")
        if attribute == "age" and not isinstance(value, str):
            value = _age(float(value))
        if value != "":
            found.setdefault(str(value), []).append(place)
    return {group: np.array(found[group], np.int64) for group in sorted(found)}


def _age(years: float) -> str:
    first, second = AGES
    if not years >= 0:
        return ""
    return f"under {first}" if years < first else f"{first} to {second - 1}" if years < second else f"{second} and over"
