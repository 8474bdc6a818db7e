"""Judges by what a user asks for, made or found again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from synthmed.downstream import TASKS
from synthmed.downstream.fit import FitSettings
from synthmed.downstream.judge import TrainedJudge, identity, trained_judge
from synthmed.downstream.judge_rows import facts_of, sides
from synthmed.downstream.tasks.classification import LEAST, Classification
from synthmed.downstream.tasks.detection import Detection
from synthmed.downstream.tasks.segmentation import Segmentation
from synthmed.downstream.tasks.task import Task
from synthmed.errors import UserError
from synthmed.evaluation.corpora.groups import groups
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.fidelity.deals import unlike
from synthmed.evaluation.metric import Context
from synthmed.modality import image_name
from synthmed.registry import nearest
from synthmed.sample import NO_FINDING, NOT_STATED

Told: TypeAlias = Callable[[str, int, int], None]
"""Gets what is done, how many steps of it, and of how many."""


@dataclass(frozen=True)
class Wanted:
    """A judge that is asked for.

    Attributes:
        task: a name of `synthmed.downstream.TASKS`.
        image: None for every image that it can judge.
    """

    task: str
    image: str | None = None

    def __str__(self) -> str:
        return f"{self.task}:{self.image}" if self.image else self.task


def parse_judge(text: str) -> Wanted:
    """``TASK`` or ``TASK:IMAGE``, as ``segmentation:xray``.

    Raises:
        UserError: there is no such task, or the image's name is none.
    """
    task, colon, image = text.partition(":")
    if task not in TASKS or (colon and not image):
        raise UserError(f"--judge {text!r}: write TASK or TASK:IMAGE with a task{nearest(task, TASKS.names())}")
    return Wanted(task, str(image_name(image)) if image else None)


def open_judges(
    wanted: Sequence[Wanted],
    context: Context,
    settings: FitSettings,
    told: Told = lambda words, step, steps: None,
) -> dict[tuple[str, str], TrainedJudge]:
    """Judges for `Context.judges`, each from ``cache/judges`` or trained now and kept there.

    They learn from the training rows where those are at hand, and are scored on the real ones, without those of a
    patient that they have learnt from; with one of the two alone, four fifths of its patients teach, the rest scores.
    A judge of the generator's own training rows has seen what a copy shows: `relative` far above 1 hints at copies.

    Raises:
        UserError: there are no real rows, or none that such a judge can be taught by.
    """
    learn, test = sides(context)
    found: dict[tuple[str, str], TrainedJudge] = {}
    for each in wanted:
        reasons, images = [], [each.image] if each.image else list(learn.images)
        for image in images:
            task = _unfit(context, learn, image) or question(each.task, image, learn)
            if isinstance(task, str):
                reasons.append(task)
                continue
            found[each.task, image] = _judge(task, learn, test, context, settings, told)
        if len(reasons) == len(images):
            raise UserError(f"--judge {each}: {'; '.join(reasons)}")
    return found


def question(kind: str, image: str, learn: Corpus) -> Task | str:
    """The task of what the rows tell apart in that image, or why there is none."""
    if kind == "segmentation":
        names = tuple(learn.images[image].mask)
        return Segmentation(image, names) if names else f"{learn.name}: {image} has no masks"
    if kind == "detection":
        rows = ({box.category for box in row.boxes if box.image == image} for row in facts_of(learn, image))
        boxed = Counter(name for categories in rows for name in categories)
        names = tuple(sorted(name for name, count in boxed.items() if count >= LEAST))
        return Detection(image, names) if names else f"{learn.name}: no {LEAST} rows have boxes of a kind in {image}"
    known = groups(learn, image).labels
    stated = len({place for name, rows in known.items() if name != NOT_STATED for place in rows.tolist()})
    labels = {name: len(rows) for name, rows in known.items() if name not in (NO_FINDING, NOT_STATED)}
    names = tuple(name for name, rows in labels.items() if LEAST <= rows <= stated - LEAST)
    missing = f"{learn.name}: no label is on {LEAST} rows with {image} and off {LEAST}"
    return Classification(image, names) if names else missing


def _judge(
    task: Task, learn: Corpus, test: Corpus, context: Context, settings: FitSettings, told: Told
) -> TrainedJudge:
    about = json.dumps(identity(task, learn, test, settings, context.seed), sort_keys=True)
    folder = context.cache / "judges" / f"{task.kind}-{task.image}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"
    words = f"training: {task.kind} of {task.image}"
    told(words, 0, settings.steps)
    try:
        return trained_judge(
            folder, task, learn, test, settings, context.seed, lambda step: told(words, step, settings.steps)
        )
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; name another --cache") from None


def _unfit(context: Context, learn: Corpus, image: str) -> str:
    """Why no judge of these rows can look at the synthetic ones."""
    made = context.synthetic
    for corpus in (made, learn):
        if not corpus.rows.get(image):
            return f"{corpus.name} has no {image}"
    if problem := unlike(made.images[image], learn.images[image]):
        return f"{image}: {problem}"
    shapes = [corpus.pixels(image, corpus.having(image)[:1].tolist()).shape[2:] for corpus in (made, learn)]
    if shapes[0] != shapes[1]:
        return f"{image}: synthetic images are {shapes[0]}, real ones {shapes[1]} (rows, columns); give --size"
    return ""
