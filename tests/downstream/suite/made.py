"""Runs of a suite whose cells nobody trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from downstream.toy import Bright, flat

from synthmed.downstream.cell import Cell, Setting
from synthmed.downstream.suite.outcome import GeneratorFacts, GuardReport, SuiteRun
from synthmed.downstream.suite.schema import RowsSpec, Suite, TaskSpec

KEY = ("classification", "xray")
ELASTIC = GeneratorFacts("elastic", "resample", "strict", n=500)
BIG = GeneratorFacts("big", "model", "released", seen=1234, fingerprint="f" * 64, n=500)


def cell(arm: str, seed: int, value: float | None, amount: float | int = 0.1, **changes: Any) -> Cell:
    """A cell of `Bright`; synthetic ones are of `ELASTIC` unless a change says otherwise."""
    synthetic = not arm.startswith("real")
    base = Cell(
        "toy", *KEY, arm, amount, seed, "strict", "accuracy", value, 0.9, {"accuracy": value},
        real_rows=0 if arm == "synthetic" else 50, synthetic_rows=50 if synthetic else 0, test_rows=8, steps=30,
        seconds=60.0, generator="elastic" if synthetic else "",
    )  # fmt: skip
    return replace(base, **changes)


def cells(gained: Mapping[str, Sequence[float]], full: float = 0.95, **changes: Any) -> list[Cell]:
    """Real rows alone at 100 % and at 10 % (0.7), and each arm that many above them, a seed a number."""
    seeds = range(max(map(len, gained.values())))
    found = [cell("real", seed, full, 1.0) for seed in seeds] + [cell("real", seed, 0.7) for seed in seeds]
    found += [cell(arm, seed, 0.7 + by) for arm, each in gained.items() for seed, by in enumerate(each)]
    return [replace(one, **{k: v for k, v in changes.items() if k != "generator" or one.generator}) for one in found]


def both_settings(cells: Sequence[Cell]) -> list[Cell]:
    """The cells, and the same of `BIG`, released."""
    released: Setting = "released"
    return [*cells, *(replace(one, setting=released, generator="big" if one.generator else "") for one in cells)]


def run(cells: Sequence[Cell], *generators: GeneratorFacts, **changes: Any) -> SuiteRun:
    """A run of `Bright` on eight test rows of four patients."""
    suite = Suite(
        name="toy",
        train=RowsSpec(place="train"),
        test=RowsSpec(place="test"),
        tasks=(TaskSpec(kind="classification", image="xray", names=("bright",)),),
    )
    attributes = [{"sex": "FM"[place % 2], "age": 20.0 + 10 * place} for place in range(8)]
    test = flat([0.9] * 8, [f"p{place // 2}" for place in range(8)], attributes)
    made = SuiteRun(
        suite, {KEY: Bright()}, tuple(cells), {}, {KEY: test}, GuardReport(), generators or (ELASTIC,), {KEY: 500},
        {"versions": {"torch": "2.14"}, "threads": 1},
    )  # fmt: skip
    return replace(made, **changes)


def right(cells: Sequence[Cell], rows: int = 8) -> dict[str, np.ndarray]:
    """Predictions by key: of a cell with value v the first v of all rows are right."""
    return {one.key: (np.arange(rows)[:, None] < round((one.value or 0) * rows)).astype(np.float64) for one in cells}
