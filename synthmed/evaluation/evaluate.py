"""``synthmed evaluate``: corpora in, a report out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synthmed.errors import UserError
from synthmed.evaluation.agreement.protocol import Judge
from synthmed.evaluation.agreement.space import open_space
from synthmed.evaluation.corpora.open import open_corpus
from synthmed.evaluation.extractor import AUTO, choose_extractor, training_networks
from synthmed.evaluation.gates import Verdict, judge, parse_gate
from synthmed.evaluation.kept import FORMAT, Kept, record, refuse_others
from synthmed.evaluation.metric import Context, Figure
from synthmed.evaluation.pictures import grids
from synthmed.evaluation.results import Outcome, write, write_json
from synthmed.evaluation.run import chosen, run_metrics
from synthmed.evaluation.sections import compared, definitions, families, requirements
from synthmed.evaluation.texts.parsers import open_parser
from synthmed.report.html import Part, Section, page, text
from synthmed.whole_files import encoded


@dataclass(frozen=True)
class Place:
    """Where rows are; see `synthmed.evaluation.corpora.open.open_corpus`."""

    place: str
    split: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What is compared, by what, and where the report goes.

    Attributes:
        metrics: by name; all registered ones if empty.
        embedder: see `synthmed.evaluation.extractor.choose_extractor`.
        trained_with: see `synthmed.evaluation.extractor.training_networks`.
        limit: rows that neighbour metrics take at most.
        size, image, window: of all corpora, as `open_corpus` takes them.
        require: see `synthmed.evaluation.gates`.
        cache: of features; ``cache`` in the report's folder if None.
        overwrite: begin anew in a folder that holds something.
        space: a model's folder or name, see `synthmed.evaluation.agreement.space.open_space`; none if empty.
        parser: see `synthmed.evaluation.texts.parsers.open_parser`; none if empty.
    """

    synthetic: Place
    out: Path
    real: Place | None = None
    train: Place | None = None
    metrics: tuple[str, ...] = ()
    embedder: str = AUTO
    trained_with: tuple[str, ...] = ()
    limit: int = 5_000
    size: int | None = None
    image: str | None = None
    window: str = "none"
    seed: int = 0
    require: tuple[str, ...] = ()
    cache: Path | None = None
    overwrite: bool = False
    space: str = ""
    parser: str = ""


Judges = Callable[[Context], Mapping[tuple[str, str], Judge]]
"""Makes or finds the judges of a context's corpora; it comes from a room that trains."""


@dataclass
class Hooks:
    """What is told on the way: each stage's words, how many metrics come, each of them as it begins and ends."""

    stage: Callable[[str], None] = lambda words: None
    total: Callable[[int], None] = lambda metrics: None
    metric: Callable[[str], None] = lambda name: None
    figure: Callable[[Figure], None] = lambda figure: None
    outcome: Callable[[Outcome], None] = lambda outcome: None


@dataclass(frozen=True)
class Evaluation:
    """What was found; ``text`` is the report for a terminal."""

    outcomes: tuple[Outcome, ...]
    verdicts: tuple[Verdict, ...] = field(default_factory=tuple)
    text: str = ""

    @property
    def held(self) -> bool:
        """Whether every requirement holds."""
        return all(verdict.held for verdict in self.verdicts)


def run_evaluate(settings: Settings, hooks: Hooks | None = None, judges: Judges | None = None) -> Evaluation:
    """Run the metrics and write ``report.html``, ``report.json``, ``pictures/`` and what is kept to go on from.

    Args:
        judges: called once the corpora are open and the folder is known to be of this run, since it may take long.

    Raises:
        UserError: a wrong setting, nothing to read, or a folder that holds something else.
    """
    hooks = hooks or Hooks()
    gates = [parse_gate(requirement) for requirement in settings.require]
    names = chosen(settings.metrics)
    for gate in gates:
        if gate.metric not in names:
            chosen([gate.metric])
            raise UserError(f"--require {gate}: {gate.metric} is not among the metrics that run (--metrics)")
    if settings.limit < 2 or settings.seed < 0 or (settings.size is not None and settings.size < 1):
        raise UserError(
            f"--limit {settings.limit}, --size {settings.size}, --seed {settings.seed}: at least 2, 1 and 0 are needed"
        )
    networks = training_networks(Path(settings.synthetic.place), settings.trained_with)
    hooks.stage("opening")
    extractor = choose_extractor(settings.embedder, networks or ())
    parser = open_parser(settings.parser) if settings.parser else None
    context = Context(
        _open(settings, settings.synthetic),
        _open(settings, settings.real) if settings.real else None,
        _open(settings, settings.train) if settings.train else None,
        settings.cache or settings.out / "cache",
        extractor.embedder,
        seed=settings.seed,
        limit=settings.limit,
        space=open_space(settings.space) if settings.space else None,
        parser=parser,
    )
    hooks.stage("reading")
    if judges is not None:
        if not settings.overwrite:
            refuse_others(settings.out, record(context), but=("judges",))
        context = replace(context, judges=judges(context))
    kept = Kept(settings.out, record(context), overwrite=settings.overwrite)
    hooks.total(len(names))
    outcomes = run_metrics(
        context,
        kept,
        names,
        reasons={"embedder": extractor.reason},
        on_metric=hooks.metric,
        on_figure=hooks.figure,
        on_outcome=hooks.outcome,
    )
    verdicts = judge(gates, [figure for outcome in outcomes for figure in outcome.figures])
    first = compared(context, networks, extractor.reason)
    title = f"{context.synthetic.name}: evaluation"
    hooks.stage("drawing")
    whole = [
        first, *requirements(verdicts), *families(outcomes, notes=True), *_pictures(context, settings.out),
        definitions(outcomes),
    ]  # fmt: skip
    write_json(settings.out / "report.json", _json(context, outcomes, verdicts, networks))
    write(settings.out / "report.html", encoded(page(title, whole)))
    shown = [*families(outcomes, notes=False), *requirements(verdicts)]
    return Evaluation(tuple(outcomes), tuple(verdicts), encoded(text(title, shown)).decode())


def _open(settings: Settings, place: Place) -> Any:
    return open_corpus(
        place.place,
        split=place.split,
        size=settings.size,
        image=settings.image,
        window=_window(settings.window),
        options=place.options,
    )


def _window(text: str) -> str | list[float]:
    try:
        return [float(end) for end in text.split(",")] if "," in text else text
    except ValueError:
        raise UserError(f"--window {text!r}: write a window's name, or low,high in HU") from None


def _pictures(context: Context, out: Path) -> Iterator[Section]:
    for image in context.synthetic.images:
        parts: list[Part] = []
        try:
            for name, picture in grids(context, image):
                parts.append(picture)
                write(out / "pictures" / f"{image}-{name}.png", picture.png)
        except UserError as error:
            parts.append(f"No further pictures: {error}")
        yield Section(f"Pictures: {image}", parts)


def _json(context: Context, outcomes: list[Outcome], verdicts: list[Verdict], networks: Any) -> dict[str, Any]:
    corpora = {"synthetic": context.synthetic, "real": context.real, "train": context.train}
    return {
        "format": FORMAT,
        "run": record(context),
        "corpora": {role: {"name": c.name, "rows": len(c)} for role, c in corpora.items() if c is not None},
        "training_networks": None if networks is None else list(networks),
        "metrics": [outcome.to_json() for outcome in outcomes],
        "requirements": [{"gate": str(v.gate), "found": v.found, "held": v.held} for v in verdicts],
    }
