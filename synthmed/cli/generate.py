"""``synthmed generate``: a synthetic dataset as shards."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from synthmed.cli.stopped import resumable
from synthmed.errors import UserError

if TYPE_CHECKING:
    from synthmed.generation.engine import Report
    from synthmed.generation.settings import Settings


def generate(
    override: Annotated[
        list[str] | None,
        typer.Argument(help="key=value each of the recipe, as in data.root=~/images.", show_default=False),
    ] = None,
    n: Annotated[int | None, typer.Option(help="How many samples.", show_default="1000")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A model's name (`synthmed ls models`), folder or hub id (owner/name).", show_default="phantom"
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Folder or fsspec URL.", show_default="./synthmed-<model>-n<n>-s<seed>")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed is another dataset.", show_default="0")] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="What each sample holds, as in report,xray,mri.t2,ct.mask.", show_default="all that the model makes"
        ),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            help="A CSV or JSONL of conditions (report, labels, images), or NAME=PATH of a file or folder, once a "
            "field; its rows are cycled.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="One condition for all samples, as in nodule,mass.", show_default=False)
    ] = None,
    shard_size: Annotated[
        int | None, typer.Option(help="Samples a shard.", show_default="1000; a tenth of a small n")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes of one thread; 0 for none.", show_default="one a GPU, else one a core")
    ] = None,
    shards: Annotated[
        str | None,
        typer.Option(
            help="Make only shards a:b, others being made elsewhere.", show_default="all, or the rank's share"
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Take what is not given here from a recipe's name or YAML file.", show_default=False),
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
    from synthmed.generation.given_paths import parse_given
    from synthmed.generation.ranks import parse_shards, ranked_shards
    from synthmed.generation.settings import Settings
    from synthmed.recipe import load_recipe

    if override and recipe is None:
        raise UserError(f"{override[0]}: key=value changes a recipe; name one with --recipe")
    settings = load_recipe(recipe, Settings, override or []) if recipe else Settings()
    settings = settings.told(
        n=n,
        model=model,
        out=out,
        seed=seed,
        to=_split(to),
        given=parse_given(given) if given else None,
        labels=_split(labels),
        shard_size=shard_size,
        workers=workers,
    )
    if dry_run:
        _show(settings)
        return
    share = partial(parse_shards, shards) if shards is not None else partial(ranked_shards, os.environ)
    report = _run(settings, share, accept_environment, quiet, log_json)
    _tell(report, quiet or log_json)


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _show(settings: Settings) -> None:
    from synthmed.generation.plan import make_plan
    from synthmed.load import load_model

    plan = make_plan(
        load_model(settings.model),
        settings.n,
        seed=settings.seed,
        to=settings.to,
        given=settings.condition(),
        shard_size=settings.shard_size,
    )
    typer.echo(plan.to_json(), nl=False)
    typer.echo(f"{plan.n} samples in {plan.shards} shards would go to {settings.place}", err=True)


def _run(settings: Settings, share: partial[range], accept_environment: bool, quiet: bool, log_json: bool) -> Report:
    from synthmed.cli.progress import Bar, JsonLog, Quiet
    from synthmed.generation.engine import generate_dataset

    listener = JsonLog() if log_json else Quiet() if quiet else Bar()
    with resumable(f"committed shards stay in {settings.place}"), closing(listener):
        return generate_dataset(
            settings.model,
            settings.place,
            settings.n,
            seed=settings.seed,
            to=settings.to,
            given=settings.condition(),
            shard_size=settings.shard_size,
            workers=settings.workers,
            shards=share,
            accept_environment=accept_environment,
            listener=listener,
        )


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
