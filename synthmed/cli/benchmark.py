"""``synthmed benchmark``: do synthetic rows help, by tasks trained with them and without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthmed.cli.stopped import resumable

if TYPE_CHECKING:
    from synthmed.downstream.cell import Cell
    from synthmed.downstream.suite.schema import Suite


def benchmark(
    suite: Annotated[str, typer.Argument(help="A suite's name (`synthmed ls suites`) or YAML file.")],
    override: Annotated[
        list[str] | None,
        typer.Argument(help="key=value each, as in root=~/data tasks.0.fit.steps=300.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder.", show_default="./synthmed-benchmark-<suite>")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The suite's own short form, in minutes.")] = False,
    workers: Annotated[int, typer.Option(help="Processes of one thread; 0 for none.")] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and stop.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew in a folder that holds a run.")] = False,
) -> None:
    """Train tasks on real rows, synthetic ones and both, and judge them on real ones. The same command goes on.

    Example: synthmed benchmark phantom root=phantom96 generators.0.model=runs/phantom/model --out runs/benchmark
    """
    from synthmed.downstream.suite.read import described, load_suite

    found = load_suite(suite, override or [], quick=quick)
    if dry_run:
        typer.echo(described(found))
        return
    folder = out or Path(f"./synthmed-benchmark-{Path(suite).stem}{'-quick' if quick else ''}")
    with resumable(f"finished cells stay in {folder}", without="--overwrite"):
        text = _run(found, folder, workers, overwrite)
    typer.echo(text)
    typer.echo(f"\nreport: {folder / 'report.html'}")


def _run(suite: Suite, out: Path, workers: int, overwrite: bool) -> str:
    from synthmed.cli.bars import counting
    from synthmed.downstream.suite.run import Hooks, RunOptions, run_suite

    # A cell takes minutes: the time left is told by all of them, not by the last seconds'.
    with counting(1e9) as bar:
        task = bar.add_task("opening", total=None)

        def trained(cell: Cell) -> None:
            bar.advance(task)
            value = "no value" if cell.value is None else f"{cell.value:.3f}"
            bar.console.print(f"{cell.key}: {cell.figure} {value}", soft_wrap=True, markup=False, highlight=False)

        def left_out(cells: int) -> None:
            if cells:
                words = f"{cells} cells left out: their tasks are not learnt"
                bar.console.print(words, soft_wrap=True, markup=False, highlight=False)
                bar.update(task, total=(bar.tasks[0].total or cells) - cells)

        hooks = Hooks(
            stage=lambda words: bar.update(task, description=words),
            total=lambda cells, done: bar.update(task, total=cells, completed=done),
            trained=trained,
            left_out=left_out,
        )
        return run_suite(suite, out, RunOptions(workers, overwrite, hooks, _train))


def _train(recipe: str, overrides: Sequence[str], out: Path, init: str | None) -> Path:
    """`synthmed train` without its bars."""
    from synthmed.hub import located
    from synthmed.recipe import find_recipe, read_recipe
    from synthmed.trainers import trainer_of

    where = str(find_recipe(recipe))
    data = read_recipe(recipe, overrides)
    ended = trainer_of(data, where)(
        data,
        where,
        out,
        dry_run=False,
        trust=False,
        allow_leak=False,
        init=None if init is None else located(init),
        on_step=lambda stage, step, steps, losses: None,
        on_note=lambda words: None,
        stop=lambda: False,
    )
    if not ended.finished:
        raise KeyboardInterrupt
    return ended.model
