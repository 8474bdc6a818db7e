"""The command line: one small file a verb, no logic."""

from __future__ import annotations

import sys

import typer

from synthmed.cli import benchmark, caption, cp, data, evaluate, generate, ls, train
from synthmed.errors import SynthmedError

app = typer.Typer(
    name="synthmed",
    help="Synthetic medical data: paired text, X-ray, CT and MRI as shards, and what they are worth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(caption.caption)
app.command()(train.train)
app.command()(generate.generate)
app.command()(evaluate.evaluate)
app.command()(benchmark.benchmark)
app.command()(ls.ls)
app.command()(cp.cp)
app.add_typer(data.app, name="data")


def main() -> None:
    """Run the command line. A mistake of the user's is one line on standard error and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False))
    except SynthmedError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("stopped", 130)
    except Exception as error:
        # Typer's usage errors, whose base class has another home in each of its versions.
        usage = getattr(error, "format_message", None)
        if usage is None:
            raise
        _fail(f"{' '.join(str(usage()).split())} (synthmed --help shows what there is)", 2)


def _fail(message: str, code: int) -> None:
    print(f"synthmed: {message}", file=sys.stderr)
    sys.exit(code)
