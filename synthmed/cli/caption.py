"""``synthmed caption``: a description for each image of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from synthmed.cli.stopped import resumable

if TYPE_CHECKING:
    from synthmed.medart.captions.run import Summary

_SHOWN = 5


def caption(
    images: Annotated[Path, typer.Argument(help="A folder of images, one image, or a data source's folder.")],
    out: Annotated[
        Path | None, typer.Option(help="The table; image paths are relative to it.", show_default="IMAGES/metadata.csv")
    ] = None,
    domain: Annotated[
        str,
        typer.Option(
            help="Kind of picture: dermoscopy, endoscopy, fundus, blood_smear, histology, chest_xray, ct, mri, "
            "generic, or a YAML file.",
            show_default="by the source's modality, else generic",
        ),
    ] = "",
    labels: Annotated[
        str,
        typer.Option(
            help="Classes: folders (class folders), none, or FILE:COLUMN of a CSV with file_name.",
            show_default="what the source says",
        ),
    ] = "",
    mode: Annotated[
        Literal["full", "simple", "empty"],
        typer.Option(help="full captions, simple class sentences, or empty ones."),
    ] = "full",
    describer: Annotated[
        str, typer.Option(help="Back end: embedded (no weights), vlm or endpoint (`synthmed ls describers`).")
    ] = "embedded",
    describer_option: Annotated[
        list[str] | None,
        typer.Option(
            "--describer-option", "-d", help="One of the back end's, as in model=llava-next.", show_default=False
        ),
    ] = None,
    source: Annotated[str, typer.Option(help="How the folder is read (`synthmed ls sources`).")] = "folder",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", help="One of the source's, as in part=colour_isic.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Other words with another seed.")] = 0,
    per_minute: Annotated[float, typer.Option(help="At most so many pictures a minute; 0 is no limit.")] = 0.0,
    batch: Annotated[int, typer.Option(help="Pictures that the back end gets at once.")] = 8,
    limit: Annotated[int, typer.Option(help="Only the first so many pictures; 0 is all.")] = 0,
    copy: Annotated[bool, typer.Option("--copy", help="Write each picture as a PNG beside the table.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a table that is not this run's.")] = False,
) -> None:
    """Describe every image of a folder in Hugging Face's imagefolder layout. The same command goes on where it stopped.

    Example: synthmed caption ~/skin --domain dermoscopy --labels folders
    """
    from rich.console import Console
    from rich.progress import Progress

    from synthmed.data.sources.options import parse_options
    from synthmed.medart.captions.run import run_captions
    from synthmed.medart.captions.settings import Settings

    settings = Settings(
        images,
        out,
        source,
        parse_options(source, option or []),
        domain,
        describer,
        describer_option or [],
        mode,
        labels,
        seed,
        per_minute,
        batch,
        limit,
        copy,
        overwrite,
    )
    kept = f"what is described stays in {settings.table}"
    with resumable(kept), Progress(*Progress.get_default_columns(), console=Console(stderr=True)) as bar:
        task = bar.add_task("describing", total=None)
        summary = run_captions(
            settings,
            on_start=lambda total, done: bar.update(task, total=total, completed=done),
            on_picture=lambda: bar.advance(task),
        )
    _tell(summary)


def _tell(summary: Summary) -> None:
    there = f", {summary.kept} were there" if summary.kept else ""
    typer.echo(f"{summary.table}: {summary.described} captions{there}")
    if summary.failed:
        shown = "; ".join(summary.failed[:_SHOWN])
        typer.echo(f"warning: {len(summary.failed)} without a caption, listed in {summary.failures}: {shown}", err=True)
    if summary.unlabelled:
        typer.echo(f"note: {summary.unlabelled} pictures have no label (--labels)", err=True)
    if summary.outside:
        typer.echo("note: the images lie outside the table's folder; imagefolder readers want --copy", err=True)
