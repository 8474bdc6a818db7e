"""A judge looks at synthetic rows: one function a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.agreement.detections import ap50, match, mean_ap50
from synthmed.evaluation.agreement.judged import Judged
from synthmed.evaluation.agreement.protocol import Judge
from synthmed.evaluation.agreement.scores import auroc, dice, mean_dice, mean_known
from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.evaluation.intervals import Places, other_rows, subsets
from synthmed.sample import NOT_STATED

_BATCH = 32


def classified(corpus: Corpus, judge: Judge, limit: int, seed: int) -> Judged | str:
    """AUROC of a classifier against the rows' labels in that image, or why there is none.

    Rows whose labels nobody stated are left out, as are labels that all rows have, or none.
    """
    facts = {place: labels_in(fact, judge.image) for place, fact in _facts(corpus, judge.image)}
    stated = np.array([place for place, labels in facts.items() if labels], np.int64)
    places = _some(stated, limit, seed)
    if len(places) < 2:
        return "fewer than two rows with the image state their labels"
    present = np.array([[name in facts[place] for name in judge.names] for place in places.tolist()], bool)
    both: npt.NDArray[np.bool_] = np.asarray(present.any(axis=0) & ~present.all(axis=0))
    if not both.any():
        return f"no label that the judge knows ({', '.join(judge.names)}) is on some rows and off others"
    scores = np.concatenate([judge(corpus.pixels(judge.image, batch)) for batch in _batches(places)])[:, both]
    own, other = present[:, both], present[other_rows(len(places), seed)][:, both]
    names = [name for name, known in zip(judge.names, both, strict=True) if known]

    def macro(truth: npt.NDArray[np.bool_]) -> Callable[[Places], float]:
        # All labels or none: a mean over whichever labels a draw has would change its subject.
        return lambda rows: float(np.mean(auroc(scores[rows], truth[rows])))

    def one(column: int) -> Callable[[Places], float]:
        at = slice(column, column + 1)
        return lambda rows: float(auroc(scores[rows, at], own[rows, at])[0])

    note = _of(len(places), len(stated), "rows with labels")
    if len(names) < len(judge.names):
        note += f"; no value for {', '.join(name for name in judge.names if name not in names)}"
    by_name = {name: one(column) for column, name in enumerate(names)}
    return Judged("macro AUROC", macro(own), macro(other), len(places), by_name, 0.5, note.removeprefix("; "))


def segmented(corpus: Corpus, judge: Judge, limit: int, seed: int) -> Judged | str:
    """Mean Dice of a segmenter's map against the rows' masks, of the classes that both name, or why there is none."""
    there = corpus.images[judge.image].mask
    names = [name for name in judge.names[1:] if name in there[1:]]
    if not names:
        return f"the masks tell apart {', '.join(there[1:]) or 'nothing'}; the judge {', '.join(judge.names[1:])}"
    places = _some(corpus.having(judge.image), limit, seed)
    if len(places) < 2:
        return "fewer than two rows have the image"
    from_map, from_mask = _values(judge.names, names), _values(there, names)
    other = places[other_rows(len(places), seed)]
    rows, shuffled = [], []
    for batch, others in zip(_batches(places), _batches(other), strict=True):
        seen = from_map[judge(corpus.pixels(judge.image, batch))]
        rows.append(dice(seen, from_mask[corpus.masks(judge.image, batch)], len(names) + 1))
        shuffled.append(dice(seen, from_mask[corpus.masks(judge.image, others)], len(names) + 1))
    own, control = np.concatenate(rows), np.concatenate(shuffled)

    def one(column: int) -> Callable[[Places], float]:
        return lambda at: mean_known(own[at, column])

    by_name = {name: one(column) for column, name in enumerate(names)}
    note = _of(len(places), len(corpus.having(judge.image)), "rows")
    return Judged(
        "mean Dice", lambda at: mean_dice(own[at]), lambda at: mean_dice(control[at]), len(places), by_name, None, note
    )


def detected(corpus: Corpus, judge: Judge, limit: int, seed: int) -> Judged | str:
    """AP50 of a detector's boxes against the rows' boxes in that image, or why there is none.

    Rows without boxes count: what is found there is wrong.
    """
    places = _some(corpus.having(judge.image), limit, seed)
    truth = [
        [box for box in fact.boxes if box.image == judge.image]
        for batch in _batches(places)
        for fact in corpus.facts(batch)
    ]
    names = [name for name in judge.names if any(box.category == name for row in truth for box in row)]
    if not names:
        return f"no row has a box of a category that the judge knows ({', '.join(judge.names)})"
    if len(places) < 2:
        return "fewer than two rows have the image"
    found = [row for batch in _batches(places) for row in judge(corpus.pixels(judge.image, batch))]
    own = match(found, truth, names)
    control = match(found, [truth[row] for row in other_rows(len(places), seed)], names)

    def one(column: int) -> Callable[[Places], float]:
        return lambda at: ap50([own[row] for row in at], column)

    def mean(matches: Sequence[Any]) -> Callable[[Places], float]:
        return lambda at: mean_ap50([matches[row] for row in at], len(names))

    by_name = {name: one(column) for column, name in enumerate(names)}
    note = _of(len(places), len(corpus.having(judge.image)), "rows")
    return Judged("AP50", mean(own), mean(control), len(places), by_name, None, note)


def labels_in(facts: Facts, image: str) -> tuple[str, ...]:
    """What the row says can be seen in that image; empty where nobody stated it."""
    labels = facts.labels_by_image.get(image, facts.labels)
    return () if tuple(labels) == (NOT_STATED,) else tuple(labels)


def _facts(corpus: Corpus, image: str) -> Iterator[tuple[int, Facts]]:
    places = corpus.having(image)
    for start in range(0, len(places), 1024):
        batch = places[start : start + 1024].tolist()
        yield from zip(batch, corpus.facts(batch), strict=True)


def _some(places: npt.NDArray[np.int64], limit: int, seed: int) -> npt.NDArray[np.int64]:
    if not len(places):
        return places
    return places[next(subsets(len(places), min(limit, len(places)), draws=1, seed=seed))]


def _batches(places: npt.NDArray[np.int64]) -> Iterator[list[int]]:
    for start in range(0, len(places), _BATCH):
        yield places[start : start + _BATCH].tolist()


def _values(theirs: Sequence[str], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """By a label map's value, its name's place in ``names`` from 1, and 0 for what is not among them."""
    table: npt.NDArray[np.int64] = np.zeros(256, np.int64)
    for value, name in enumerate(theirs):
        table[value] = names.index(name) + 1 if value and name in names else 0
    return table


def _of(n: int, whole: int, what: str) -> str:
    return "" if n == whole else f"{n:,} of {whole:,} {what}, drawn at random"
