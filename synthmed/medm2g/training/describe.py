"""``--dry-run``: what a recipe would train, on what, and how large it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from synthmed.medm2g.config import Config
from synthmed.medm2g.parts import build_parts
from synthmed.medm2g.training.order import Planned
from synthmed.medm2g.training.prepare import count_items
from synthmed.medm2g.training.rows import Rows
from synthmed.report.table import Cell, Table
from synthmed.runs.told import steps_done

_BYTES = 4


def sizes(config: Config) -> dict[str, int]:
    """Parameters of each part, counted without memory."""
    with torch.device("meta"):
        parts = build_parts(config)
    return {name: sum(value.numel() for value in part.parameters()) for name, part in parts.items()}


def describe(config: Config, planned: Sequence[Planned], rows: Rows, stages: Path) -> Table:
    """One row a stage: parameters trained and in all, steps, items, batch, memory, and what is done.

    Memory is that of weights, and for trained ones of gradients, two moments and the average, as float32; activations
    come on top, in proportion to batch_size / accumulate.
    """
    known = sizes(config)
    cells: list[list[Cell]] = []
    for one in planned:
        settings = one.stage.training
        trained = sum(known[name] for name in one.trains)
        frozen = sum(known[name] for name in one.takes)
        copies = 5 if settings.ema_decay else 4
        memory = _BYTES * (trained * copies + frozen) / 2**20
        cells.append(
            [
                one.name,
                trained,
                trained + frozen,
                settings.steps,
                count_items(one, rows),
                settings.batch_size,
                f"{memory:.0f} MiB",
                steps_done(stages / one.name),
            ]
        )
    return Table(["stage", "trained", "parameters", "steps", "items", "batch", "weights in training", "done"], cells)


def lines(planned: Sequence[Planned]) -> Iterator[str]:
    """What each stage changes and is prompted by."""
    for one in planned:
        several = len(one.conditions) > 1
        prompted = [
            f"{f'{flow} ' if several else ''}prompted by {', '.join(names)}"
            for flow, names in one.conditions.items()
            if names
        ]
        yield "; ".join([f"{one.name} trains {', '.join(one.trains)}", *prompted])
