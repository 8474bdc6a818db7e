"""``synthmed generate``: a synthetic dataset as shards."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from synthmed.generation.engine import Report
    from synthmed.generation.plan import Plan

DEFAULT_MODEL = "phantom"


def generate(
    n: Annotated[int, typer.Option(help="How many samples.")] = 1000,
    model: Annotated[str, typer.Option(help="A model's name (`synthmed ls models`) or folder.")] = DEFAULT_MODEL,
    out: Annotated[
        str | None,
        typer.Option(help="Folder or fsspec URL; ./synthmed-<model>-n<n>-s<seed> if left out.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed is another dataset.")] = 0,
    to: Annotated[
        str | None,
        typer.Option(
            help="What each sample holds, as in report,xray,mri.t2,ct.mask.", show_default="all that the model makes"
        ),
    ] = None,
    given: Annotated[
        Path | None,
        typer.Option(
            help="CSV or JSONL of conditions (report, labels, images); its rows are cycled.", show_default=False
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="One condition for all samples, as in nodule,effusion.", show_default=False)
    ] = None,
    shard_size: Annotated[
        int | None, typer.Option(help="Samples a shard.", show_default="1000; a tenth of a small n")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Worker processes, one thread each; 0 for none.", show_default="one a GPU, else one a core"),
    ] = None,
    shards: Annotated[
        str | None,
        typer.Option(
            help="Make only shards a:b, others being made elsewhere.", show_default="all, or the rank's share"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    accept_environment: Annotated[
        bool, typer.Option("--accept-environment", help="Go on though versions or the machine differ; bytes may.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Events as lines of JSON on standard output.")] = False,
) -> None:
    """Make a synthetic dataset. The same command goes on where it stopped; a larger --n extends it.

    Example: synthmed generate --n 100000 --labels nodule --to report,xray,xray.mask
    """
    from synthmed.cli.progress import Bar, JsonLog, Quiet
    from synthmed.errors import UserError
    from synthmed.generation.engine import generate_dataset
    from synthmed.generation.given import GivenFile
    from synthmed.generation.plan import make_plan
    from synthmed.generation.ranks import parse_shards, ranked_shards
    from synthmed.load import load_model

    if given is not None and labels is not None:
        raise UserError("--given and --labels: give one of them")
    condition: Any = GivenFile(given) if given is not None else None
    if labels is not None:
        condition = {"labels": tuple(label.strip() for label in labels.split(",") if label.strip())}
    names = [name.strip() for name in to.split(",") if name.strip()] if to is not None else None
    place = out or f"./synthmed-{Path(model).name}-n{n}-s{seed}"
    if dry_run:
        _show(make_plan(load_model(model), n, seed=seed, to=names, given=condition, shard_size=shard_size), place)
        return
    share = partial(parse_shards, shards) if shards is not None else partial(ranked_shards, os.environ)
    listener = JsonLog() if log_json else Quiet() if quiet else Bar()
    # A batch system's SIGTERM is its Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = generate_dataset(
            model,
            place,
            n,
            seed=seed,
            to=names,
            given=condition,
            shard_size=shard_size,
            workers=workers,
            shards=share,
            accept_environment=accept_environment,
            listener=listener,
        )
    except KeyboardInterrupt:
        listener.close()
        again = shlex.join(["synthmed", *sys.argv[1:]])
        print(f"stopped; committed shards stay in {place}. To go on: {again}", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        listener.close()
    _tell(report, quiet or log_json)


def _show(plan: Plan, place: str) -> None:
    typer.echo(plan.to_json(), nl=False)
    typer.echo(f"{plan.n} samples in {plan.shards} shards would go to {place}", err=True)


def _tell(report: Report, quiet: bool) -> None:
    if report.failed:
        shards = ", ".join(map(str, sorted(report.failed)))
        reason = next(iter(report.failed.values()))
        print(
            f"synthmed: shards {shards} failed ({reason}); the rest is in {report.out}. The same command tries again",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    if not quiet:
        rest = "" if report.complete else f"; {report.missing} shards of the set are made elsewhere or still missing"
        print(f"{report.made} shards made in {report.seconds:.1f} s -> {report.out}{rest}")
