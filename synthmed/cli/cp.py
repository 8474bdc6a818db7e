"""``synthmed cp``: a recipe of one's own to edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def cp(
    recipe: Annotated[str, typer.Argument(help="A name that `synthmed ls recipes` or `ls suites` shows.")],
    to: Annotated[Path | None, typer.Argument(help="Where to; ./<name>.yaml if left out.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Copy a recipe, to edit it and run the copy."""
    from synthmed.recipe import copy_recipe

    typer.echo(copy_recipe(recipe, to, overwrite=overwrite))
