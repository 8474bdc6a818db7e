"""The command line: one small file a verb, no logic."""

from __future__ import annotations

import sys

import typer

from synthmed.cli import cp, generate, ls
from synthmed.errors import SynthmedError

app = typer.Typer(
    name="synthmed",
    help="Synthetic medical data: paired text, X-ray, CT and MRI as shards, and what they are worth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(generate.generate)
app.command()(ls.ls)
app.command()(cp.cp)


def main() -> None:
    """Run the command line. A mistake of the user's is one line on standard error and exit code 2."""
    try:
        app()
    except SynthmedError as error:
        print(f"synthmed: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
