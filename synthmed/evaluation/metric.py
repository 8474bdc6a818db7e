"""What a metric is, and what it prints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from synthmed.evaluation.corpus import Corpus

Need = Literal["real", "train", "report", "labels", "mask", "boxes", "prompt", "embedder", "judges", "space", "parser"]


@dataclass(frozen=True)
class Figure:
    """One number of a report.

    Attributes:
        metric: its name in the registry; ``part`` tells apart the numbers of one metric (``precision``, ``BLEU-4``).
        scope: what it was taken over: ``{"image": "xray"}``, ``{"image": "xray", "label": "mass"}``; empty for all.
        value: None where there is none; ``note`` says why.
        n: rows that it rests on, of the synthetic side.
        low, high: a 95 % interval, None where there is none.
        floor: the same figure of real against real at the same n, with its interval ``floor_low``, ``floor_high``.
        extractor: the network whose features it rests on, ``""`` for none.
        note: in one sentence, what the reader must know.
    """

    metric: str
    part: str = ""
    scope: Mapping[str, str] = field(default_factory=dict)
    value: float | None = None
    n: int = 0
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    floor_low: float | None = None
    floor_high: float | None = None
    extractor: str = ""
    note: str = ""


@dataclass(frozen=True)
class Context:
    """What a metric may use.

    Attributes:
        synthetic: what is judged.
        real: rows that the generator has not seen, None where none were given.
        train: the generator's training rows, None where they are not at hand.
        cache: a folder for features, kept between runs.
        embedder: of `synthmed.evaluation.embedders`, None where no metric needs one.
        judges: `synthmed.evaluation.agreement.protocol.Judge` by task and image: ``("classification", "xray")``.
        space: a `synthmed.evaluation.agreement.space.AlignedSpace`, None where there is none.
        parser: a text to the labels that it affirms, None where there is none.
        seed: of every draw.
        limit: neighbour metrics take at most this many rows, and say so.
    """

    synthetic: Corpus
    real: Corpus | None = None
    train: Corpus | None = None
    cache: Path = Path(".")
    embedder: Any = None
    judges: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    space: Any = None
    parser: Callable[[str], Collection[str]] | None = None
    seed: int = 0
    limit: int = 5_000


class Metric(Protocol):
    """One family of figures, registered in `synthmed.evaluation.METRICS`.

    Attributes:
        name: as in the registry and in ``--require``.
        summary: one line.
        goal: ``low``, ``high``, or ``real``: as near as can be to the value of real rows, which stands as the floor.
        range: of the values, (low, high).
        needs: what must be there; a report says of a metric that misses one why it was left out.
        source: the paper or the library that defines it.
    """

    name: str
    summary: str
    goal: Literal["low", "high", "real"]
    range: tuple[float, float]
    needs: frozenset[Need]
    source: str

    def __call__(self, context: Context) -> Iterable[Figure]:
        """The figures, one by one as they are found."""
        ...
