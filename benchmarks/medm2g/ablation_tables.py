"""The ablation's tables: rows, effects, costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ablation_cells import Cell
from ablation_scores import FIGURES
from effects import SWITCHES, Effect, Row, as_json, effect

from synthmed.whole_files import write_json


def row_file(out: Path, cell: Cell, lcag: bool) -> Path:
    return out / "rows" / f"{cell.name}-lcag{lcag:d}.json"


def timing_file(out: Path, cell: Cell) -> Path:
    return out / "timing" / f"{cell.name}.json"


def write_tables(out: Path, cells: Sequence[Cell]) -> str:
    """table.md and results.json from the rows' and timings' files alone; gives the text."""
    found: dict[Row, dict[str, Any]] = {}
    for cell in cells:
        for lcag in (False, True):
            found[cell.ca, cell.vi, lcag, cell.seed] = json.loads(row_file(out, cell, lcag).read_text())
    rows = {
        row: {name: float("nan") if value is None else value for name, value in one["figures"].items()}
        for row, one in found.items()
    }
    effects = {
        name: {switch: effect({row: one[name] for row, one in rows.items()}, switch) for switch in SWITCHES}
        for name in FIGURES
    }
    settings = json.loads((out / "settings.json").read_text())
    timing = {(cell.ca, cell.vi): json.loads(timing_file(out, cell).read_text()) for cell in cells[:4]}
    tests = len(FIGURES) * len(SWITCHES)
    text = "\n".join(
        [
            f"n = {settings['n']} test patients, seeds {', '.join(map(str, sorted({row[3] for row in rows})))}, "
            f"steps × {settings['steps_scale']:g}\n",
            table_of_rows(rows, FIGURES),
            "",
            table_of_effects(effects),
            "",
            f"Of {tests} intervals about {0.05 * tests:.0f} would miss 0 by chance if no switch did anything.",
            "",
            *_costs(found, timing),
        ]
    )
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    kept = [dict(zip((*SWITCHES, "seed"), row, strict=True)) | one for row, one in found.items()]
    write_json(out / "results.json", {"settings": settings, "rows": kept, "effects": as_json(effects)})
    return text


def table_of_rows(rows: Mapping[Row, Mapping[str, float]], figures: Mapping[str, str]) -> str:
    """Markdown: the eight rows, mean ± deviation over seeds."""
    arrows = {"up": "↑", "down": "↓"}
    lines = [
        "| " + " | ".join([*SWITCHES, *(f"{name} {arrows[way]}" for name, way in figures.items())]) + " |",
        "| " + " | ".join(["---"] * (3 + len(figures))) + " |",
    ]
    for state in product((False, True), repeat=3):
        found = [rows[row] for row in sorted(rows) if row[:3] == state]
        cells = ["✓" if on else "–" for on in state]
        for name in figures:
            values = [one[name] for one in found]
            cells.append(_number(float(np.mean(values))) + _spread(values))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def table_of_effects(effects: Mapping[str, Mapping[str, Effect]]) -> str:
    """Markdown: figure × switch."""
    lines = [
        "| figure | switch | on − off | SD over seeds | 95 % interval | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for figure, by_switch in effects.items():
        for switch, one in by_switch.items():
            interval = f"{_signed(one.low)} to {_signed(one.high)}" if one.seeds > 1 else "–"
            spread = f"{one.spread:.2g}" if one.seeds > 1 else "–"
            verdict = "shown" if one.shown else "not shown"
            lines.append(f"| {figure} | {switch} | {_signed(one.mean)} | {spread} | {interval} | {verdict} |")
    return "\n".join(lines)


def _costs(found: Mapping[Row, Mapping[str, Any]], timing: Mapping[tuple[bool, bool], Mapping[str, Any]]) -> list[str]:
    """What each switch alone adds: parameters to the model and to its training, and seconds of one core."""
    seed = min(row[3] for row in found)
    none, base = found[False, False, False, seed], timing[False, False]["without"]
    lines = [
        f"Without any, a cell trains {base:.0f} s on one core, and has {none['parameters']:,} parameters.",
        "",
        "| switch, alone | parameters added to the model | beside, in training alone | seconds of training added |",
        "| --- | --- | --- | --- |",
    ]
    for place, switch in enumerate(SWITCHES):
        ca, vi, lcag = (place == other for other in range(3))
        one = found[ca, vi, lcag, seed]
        added = [one[key] - none[key] for key in ("parameters", "beside")]
        if switch == "LCAG":
            added[1] = 0
        more = timing[ca, vi]["with" if lcag else "without"] - base
        lines.append(f"| {switch} | {added[0]:,} | {added[1]:,} | {more:+.0f} |")
    return lines


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.0f}" if abs(value) >= 100 else f"{value:+.3g}"


def _spread(values: Sequence[float]) -> str:
    return f" ± {_number(float(np.std(values, ddof=1)))}" if len(values) > 1 else ""
