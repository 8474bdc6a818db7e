"""``synthmed data``: look at real data before it is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look at real data before it is trained on.", no_args_is_help=True)


@app.callback()
def _data() -> None:
    """Look at real data before it is trained on."""


@app.command()
def check(
    source: Annotated[str, typer.Argument(help="A source that `synthmed ls sources` shows.")],
    path: Annotated[Path, typer.Argument(help="The data's folder, as it was downloaded.")],
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", help="One of the source's options, as in slices=every:4.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write report.html and the contact sheets there.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a report that is there.")] = False,
) -> None:
    """Count a data set, read every image, and list what is damaged, repeated or leaking.

    Example: synthmed data check nih_chestxray14 ~/ChestX-ray14 --out check
    """
    from rich.console import Console
    from rich.progress import Progress

    from synthmed.data.check import run_check

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        text = run_check(
            source,
            path,
            option or [],
            out,
            overwrite=overwrite,
            on_total=lambda total: bar.update(task, total=total),
            on_record=lambda: bar.advance(task),
        )
    typer.echo(text)


@app.command()
def preview(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or YAML file with a data section.")],
    override: Annotated[
        list[str] | None,
        typer.Argument(help="key=value each, as in data.root=~/images data.size=64.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write preview.html, data.json and contact sheets there.", show_default=False),
    ] = None,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Go on with splits that share patients or pictures, and record them.")
    ] = False,
    trust_recipe: Annotated[
        bool, typer.Option("--trust-recipe", help="Let the recipe name any importable transform.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a preview that is there.")] = False,
) -> None:
    """Run a recipe's data through its transforms and show what a network will see: splits, leaks, shapes, pictures."""
    from rich.console import Console
    from rich.progress import Progress

    from synthmed.data.preview import PreviewRecipe, run_preview
    from synthmed.recipe import load_recipe

    overrides = [*(override or []), *(["data.allow_leak=true"] if allow_leak else [])]
    spec = load_recipe(recipe, PreviewRecipe, overrides).data
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        text = run_preview(
            spec, out, title=recipe, trust=trust_recipe, overwrite=overwrite, on_item=lambda: bar.advance(task)
        )
    typer.echo(text)
