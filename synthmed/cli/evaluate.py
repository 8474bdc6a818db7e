"""``synthmed evaluate``: is it real, is it diverse, does it fit its text, does it copy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthmed.cli.stopped import resumable

if TYPE_CHECKING:
    from synthmed.downstream.judge import TrainedJudge
    from synthmed.downstream.judges import Wanted
    from synthmed.evaluation.evaluate import Evaluation, Settings
    from synthmed.evaluation.metric import Context
    from synthmed.evaluation.results import Outcome

MISSED = 3


def evaluate(
    synthetic: Annotated[
        str, typer.Argument(help="Shards, a folder of images, or SOURCE:PATH (`synthmed ls sources`).")
    ],
    out: Annotated[Path, typer.Option(help="The report's folder.", show_default=False)],
    real: Annotated[
        str | None,
        typer.Option(help="Real rows that the generator has not seen, as SYNTHETIC is given.", show_default=False),
    ] = None,
    train: Annotated[
        str | None, typer.Option(help="The generator's training rows, to look for copies.", show_default=False)
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="As in kid,psnr (`synthmed ls metrics`).", show_default="all of them")
    ] = "",
    embedder: Annotated[
        str,
        typer.Option(
            help="inception, lite0, MODULE:ATTRIBUTE of your own, or none.",
            show_default="inception where its weights are, else lite0",
        ),
    ] = "auto",
    limit: Annotated[int, typer.Option(help="Rows that metrics of neighbours take at most.")] = 5_000,
    size: Annotated[
        int | None, typer.Option(help="Rows and columns that images are brought to.", show_default="as they are stored")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Only this image, as xray; of a plain folder, what it holds.", show_default="all")
    ] = None,
    window: Annotated[str, typer.Option(help="Show CT over a window's name or low,high HU.")] = "none",
    real_split: Annotated[
        str | None,
        typer.Option(help="train, val or test of --real; patient:test deals by patient.", show_default="all rows"),
    ] = None,
    train_split: Annotated[str | None, typer.Option(help="The same of --train.", show_default="all rows")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", "-o", help="One of --real's and --train's source, as in part=xray_nih64.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    require: Annotated[
        list[str] | None,
        typer.Option(
            help="As 'kid<0.05', 'copy_rate<=floor' or 'precision_recall.recall@xray>=0.6'; exit code 3 when missed.",
            show_default=False,
        ),
    ] = None,
    trained_with: Annotated[
        list[str] | None,
        typer.Option(
            help="The model's folder, or a network that it was trained with, which may not judge; or none.",
            show_default=False,
        ),
    ] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="classification, segmentation or detection, or as in segmentation:xray: trained on --train (else on "
            "--real's patients but a fifth), scored on --real, it says whether images show what their rows say.",
            show_default=False,
        ),
    ] = None,
    judge_steps: Annotated[int, typer.Option(min=10, help="Steps of 32 rows that a judge is trained for.")] = 600,
    space: Annotated[
        str | None,
        typer.Option(help="A model's folder, in whose own space texts and images are compared.", show_default=False),
    ] = None,
    parser: Annotated[
        str | None,
        typer.Option(help="What finds labels in a text: phantom, or MODULE:ATTRIBUTE of your own.", show_default=False),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where features and judges are kept between reports.", show_default="OUT/cache")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew in a folder that holds a report.")] = False,
) -> None:
    """Judge a synthetic set: tables, grids, JSON. The same command goes on where it stopped.

    Example: synthmed evaluate my-set --real ~/holdout --train ~/train --out report --require 'copy_rate<=floor'
    """
    from synthmed.evaluation.evaluate import Place, Settings

    wanted = _parse_judges(judge or [])
    options = tuple(option or ())
    settings = Settings(
        Place(synthetic),
        out,
        Place(real, real_split, options) if real else None,
        Place(train, train_split, options) if train else None,
        tuple(part.strip() for part in metrics.split(",") if part.strip()),
        embedder,
        tuple(trained_with or ()),
        limit,
        size,
        image,
        window,
        seed,
        tuple(require or ()),
        cache,
        overwrite,
        space or "",
        parser or "",
    )
    with resumable(f"finished metrics stay in {out}", without="--overwrite"):
        found = _run(settings, wanted, judge_steps)
    typer.echo(found.text)
    typer.echo(f"\nreport: {out / 'report.html'}")
    if not found.held:
        typer.echo("synthmed: a requirement is missed", err=True)
        raise typer.Exit(MISSED)


def _parse_judges(texts: list[str]) -> list[Wanted]:
    if not texts:
        return []
    from synthmed.downstream.judges import parse_judge

    return [parse_judge(text) for text in texts]


def _run(settings: Settings, wanted: list[Wanted], steps: int) -> Evaluation:
    from synthmed.cli.bars import counting
    from synthmed.evaluation.evaluate import Hooks, run_evaluate

    with counting() as bar:
        task = bar.add_task("opening", total=None)

        def judges(context: Context) -> dict[tuple[str, str], TrainedJudge]:
            from synthmed.downstream.fit import FitSettings
            from synthmed.downstream.judges import open_judges

            def step(words: str, done: int, of: int) -> None:
                bar.update(task, description=words, completed=done, total=of)

            return open_judges(wanted, context, FitSettings(steps=steps), step)

        def told(outcome: Outcome) -> None:
            bar.advance(task)
            if outcome.left_out:
                bar.console.print(f"{outcome.metric}: left out: {outcome.left_out}", soft_wrap=True, markup=False)

        return run_evaluate(
            settings,
            Hooks(
                stage=lambda words: bar.update(task, description=words),
                total=lambda metrics: bar.update(task, completed=0, total=metrics),
                metric=lambda name: bar.update(task, description=name),
                outcome=told,
            ),
            judges if wanted else None,
        )
