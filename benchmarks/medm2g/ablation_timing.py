"""What a cell's training costs: seconds of one core, from a short training that nothing else runs beside.

The cells' own trainings cannot say it: they share the machine with each other, and go on in several sessions.
"""

from __future__ import annotations

import copy
import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablation_cells import RECIPE, cell_steps

from synthmed.medm2g.training.run import train_medm2g
from synthmed.whole_files import write_json

STEPS, WINDOW = 60, 10
"""Of each stage, and how many of them make one rate."""
ROWS = 600
"""Of each part of the data, on which the rates do not depend."""


def time_cells(specs: Mapping[str, dict[str, Any]], out: Path) -> None:
    """Write ``OUT/<cell>.json`` for each cell that has none, one after the other.

    Args:
        specs: recipes by the cell's name, as `ablation_cells.cell_recipe` makes them.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name, spec in specs.items():
        if not (out / f"{name}.json").exists():
            write_json(out / f"{name}.json", cell_seconds(spec, out / name))


def cell_seconds(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Seconds by stage at the recipe's steps; ``without`` and ``with`` the round are their sums."""
    short = copy.deepcopy(spec)
    for part in short["data"]["parts"]:
        part["limit"] = ROWS
    for stage in short["stages"]:
        stage["training"] |= {"steps": STEPS, "log_every": WINDOW, "validate_every": 0, "checkpoint_every": STEPS}
    run = train_medm2g(short, RECIPE, folder)
    if not run.finished:
        raise KeyboardInterrupt(run.reason)
    batch = spec["training"]["batch_size"]
    stages = {name: steps * batch / median_rate(folder / "stages" / name) for name, steps in cell_steps(spec).items()}
    rounds = sum(seconds for name, seconds in stages.items() if "-round-" in name)
    return {"stages": stages, "without": sum(stages.values()) - rounds, "with": sum(stages.values())}


def median_rate(folder: Path) -> float:
    """Samples a second in ``log.jsonl``, of all windows but the first, in which things are set up."""
    lines = [json.loads(text) for text in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    rates = [line["samples_per_second"] for line in lines if "samples_per_second" in line]
    return float(statistics.median(rates[1:] or rates))
