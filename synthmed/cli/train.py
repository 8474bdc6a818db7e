"""``synthmed train``: from a recipe to a model folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from synthmed.cli.stopped import resumable, stopped


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name (`synthmed ls recipes`) or YAML file.")],
    override: Annotated[
        list[str] | None,
        typer.Argument(help="key=value each, as in data.root=~/images training.steps=500.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run's folder; the model is in its model/.", show_default="./synthmed-<recipe>"),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="A model folder or hub id (owner/name) to start from, to fine-tune it.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print stages, sizes, steps and memory, and stop.")
    ] = False,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Go on with splits that share patients or pictures, and record them.")
    ] = False,
    trust_recipe: Annotated[
        bool, typer.Option("--trust-recipe", help="Let the recipe name any importable transform.")
    ] = False,
    max_minutes: Annotated[
        float | None, typer.Option(help="Stop after a checkpoint when so long has passed.", show_default=False)
    ] = None,
) -> None:
    """Train a model on one's own images. The same command goes on where it stopped.

    Example: synthmed train medm2g/xray data.root=shared/data --out runs/xray
    """
    from synthmed.hub import located
    from synthmed.recipe import find_recipe, read_recipe
    from synthmed.trainers import trainer_of

    where = str(find_recipe(recipe))
    data = read_recipe(recipe, override or [])
    trainer = trainer_of(data, where)
    folder = out or Path(f"./synthmed-{Path(recipe).stem}")
    begin = time.monotonic()
    kept = f"what is trained stays in {folder}"
    # Within a stage the training loop takes the signals.
    with resumable(kept), _Bars() as bars:
        ended = trainer(
            data,
            where,
            folder,
            dry_run=dry_run,
            trust=trust_recipe,
            allow_leak=allow_leak,
            init=None if init is None else located(init),
            on_step=bars.step,
            on_note=bars.note,
            stop=lambda: max_minutes is not None and time.monotonic() - begin > 60 * max_minutes,
        )
    if dry_run:
        return
    if not ended.finished:
        stopped(kept, code=130 if ended.reason == "signal" else 0)
    typer.echo(str(ended.model))


class _Bars:
    """One bar a stage on standard error: steps, loss, time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4g}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._stage = ""

    def __enter__(self) -> _Bars:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(self, stage: str, step: int, steps: int, losses: Mapping[str, float]) -> None:
        """Move the stage's bar; a stage that was resumed begins where it stopped."""
        loss = losses.get("loss", float("nan"))
        if stage != self._stage:
            self._stage = stage
            self._task = self._bar.add_task(stage, total=steps, completed=step - 1, loss=loss)
        self._bar.update(self._task, completed=step, loss=loss)

    def note(self, text: str) -> None:
        """Print above the bar."""
        self._bar.console.print(text, soft_wrap=True, markup=False, highlight=False)

    def close(self) -> None:
        """Leave the bars as they stand."""
        self._bar.stop()
