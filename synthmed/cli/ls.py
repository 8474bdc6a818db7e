"""``synthmed ls``: what there is, by name."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """What can be listed."""

    modalities = "modalities"
    sources = "sources"
    models = "models"
    metrics = "metrics"
    describers = "describers"
    recipes = "recipes"
    suites = "suites"


def ls(
    kind: Annotated[Kind | None, typer.Argument(help="One kind; all if left out.", show_default=False)] = None,
) -> None:
    """List modalities, data sources, models, metrics, describers, recipes and suites, third parties' among them."""
    from synthmed.catalogue import catalogue

    for name in [kind.value] if kind else [each.value for each in Kind]:
        entries = catalogue(name)
        if kind is None:
            typer.secho(name, bold=True)
        width = max((len(entry) for entry, _ in entries), default=0)
        for entry, summary in entries:
            typer.echo(f"{'' if kind else '  '}{entry:<{width}}  {summary}")
        if not entries:
            typer.echo("  none")
