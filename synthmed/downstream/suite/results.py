"""A run's results on disk: ``results.parquet``, ``results.json`` and ``report.html``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synthmed.downstream.cell import Cell
from synthmed.downstream.suite.comparisons import Comparison, Line, compare, finite
from synthmed.downstream.suite.outcome import SuiteRun
from synthmed.downstream.suite.report import sections, terminal_sections, title
from synthmed.downstream.suite.tables import note
from synthmed.evaluation.results import write, write_json
from synthmed.report.html import page, text
from synthmed.whole_files import encoded

FORMAT = 1
_COLUMNS: tuple[tuple[str, Any], ...] = (
    *((name, pa.string()) for name in ("suite", "task", "image", "setting", "generator", "arm")),
    ("amount", pa.float64()),
    ("amount_is", pa.string()),
    ("seed", pa.int64()),
    ("figure", pa.string()),
    ("value", pa.float64()),
    ("bar", pa.float64()),
    *((name, pa.int64()) for name in ("real_rows", "synthetic_rows", "test_rows", "steps")),
    ("seconds", pa.float64()),
)


def write_results(out: Path, run: SuiteRun) -> str:
    """Write the three files, each whole or not at all, and give the main tables for a terminal.

    Two calls with one run write equal bytes.

    Raises:
        UserError: they cannot be written.
    """
    comparisons = compare(run)
    write(out / "results.parquet", parquet(run.cells))
    write_json(out / "results.json", record(run, comparisons))
    write(out / "report.html", encoded(page(title(run), sections(run, comparisons))))
    return encoded(text(title(run), terminal_sections(run, comparisons))).decode()


def parquet(cells: Sequence[Cell]) -> bytes:
    """A row a cell, in their order.

    Its figures are in columns ``score.<figure>``, null where a cell has none. ``amount_is`` is ``share`` or ``rows``.
    """
    rows = [finite(cell).to_json() for cell in cells]
    for row in rows:
        row["amount_is"] = "share" if isinstance(row["amount"], float) else "rows"
        row |= {f"score.{name}": value for name, value in row.pop("scores").items()}
    fixed = [name for name, _ in _COLUMNS]
    scores = dict.fromkeys(name for row in rows for name in row if name.startswith("score."))
    schema = pa.schema([*_COLUMNS, *((name, pa.float64()) for name in scores)])
    columns = {name: [row.get(name) for row in rows] for name in (*fixed, *scores)}
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pydict(columns, schema=schema), buffer)
    return buffer.getvalue()


def record(run: SuiteRun, comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """What ``results.json`` holds."""
    return {
        "format": FORMAT,
        "suite": run.suite.content(),
        "environment": run.environment,
        "generators": [asdict(each) for each in run.generators],
        "guard": asdict(run.guard),
        "tables": [_table(each) for each in comparisons],
        "cells": [finite(cell).to_json() for cell in run.cells],
    }


def _table(comparison: Comparison) -> dict[str, Any]:
    kind, image = comparison.key
    generator = comparison.generator
    return {
        "task": kind,
        "image": image,
        "generator": generator.name if generator else "",
        "setting": comparison.lines[0].cells[0].setting,
        "figure": comparison.figure,
        "bar": comparison.bar,
        "full": comparison.full,
        "trained": comparison.trained,
        "comparisons": len(comparison.effects),
        "lines": [_line(line) for line in comparison.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "amount": line.amount,
        "arm": line.arm,
        "values": {str(cell.seed): cell.value for cell in line.cells},
        "effect": None if line.effect is None else asdict(line.effect),
        "over_patients_and_seeds": None if line.over_rows is None else asdict(line.over_rows),
        "p_holm": line.holm,
        "verdict": None if line.gain is None else line.gain.verdict,
        "note": note(line),
    }
