"""The end of a command that goes on where it stopped: what stays, and how to go on."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer


@contextmanager
def resumable(kept: str, without: str = "") -> Iterator[None]:
    """What Ctrl-C ends with `stopped`; a batch system's SIGTERM is its Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        stopped(kept, without)


def stopped(kept: str, without: str = "", code: int = 130) -> NoReturn:
    """Say on standard error what stays, and end.

    Args:
        kept: as in ``finished cells stay in runs/a``.
        without: an option with which the same command would begin anew.
    """
    again = shlex.join(["synthmed", *(word for word in sys.argv[1:] if word != without)])
    print(f"stopped; {kept}. To go on: {again}", file=sys.stderr)
    raise typer.Exit(code) from None
