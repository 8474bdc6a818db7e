"""A suite's generators: what each of them is, before any of its rows is made."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synthmed.downstream.suite.card import Card, read_card
from synthmed.downstream.suite.data import placed
from synthmed.downstream.suite.outcome import GeneratorFacts
from synthmed.downstream.suite.schema import GeneratorSpec, Suite, TaskSpec
from synthmed.evaluation.corpora.open import open_corpus
from synthmed.evaluation.corpus import Corpus
from synthmed.hub import located
from synthmed.load import MODELS, load_model
from synthmed.recipe import read_recipe


@dataclass(frozen=True)
class Opened:
    """A generator that is there.

    Attributes:
        card: None where it has none, for the ``reason``.
        model: of `synthmed.load_model`; None for others.
    """

    spec: GeneratorSpec
    facts: GeneratorFacts
    card: Card | None = None
    reason: str = ""
    model: Any = None

    def of(self, n: int, note: str = "") -> GeneratorFacts:
        """Its facts, with the number of rows of its largest set."""
        return replace(self.facts, n=n, note=" ".join(filter(None, (self.facts.note, note))))


def open_generator(spec: GeneratorSpec, suite: Suite) -> Opened:
    """Look whether it is there, and what it says of itself.

    Raises:
        UserError: no such model, place or recipe, or a damaged card.
    """
    facts = GeneratorFacts(spec.name, spec.kind, spec.setting, spec.seen)
    if spec.resample is not None:
        return Opened(spec, replace(facts, note="A stand-in: each arm's own real rows, elastically deformed."))
    if spec.trained is not None:
        recipe = read_recipe(spec.trained, spec.overrides)
        start = "" if spec.init is None else load_model(placed(spec.init, suite)).fingerprint
        told = json.dumps([{key: value for key, value in recipe.items() if key != "data"}, start], sort_keys=True)
        note = "Trained anew on each draw of real rows, and on nothing else."
        return Opened(spec, replace(facts, fingerprint=hashlib.sha256(told.encode()).hexdigest(), note=note))
    if spec.model is not None:
        place = placed(spec.model, suite)
        model = load_model(place)
        card = None if place in MODELS else read_card(located(place))
        facts = replace(facts, fingerprint=model.fingerprint)
        return _with_card(Opened(spec, facts, card, "it has no training.json, which lists training images", model))
    place = placed(str(spec.place), suite)
    digests = [corpus_of(spec, suite, task).digest for task in suite.tasks if spec.serves(task)]
    facts = replace(facts, fingerprint=hashlib.sha256(json.dumps(digests).encode()).hexdigest())
    card = read_card(Path(place)) if Path(place).is_dir() else None
    return _with_card(Opened(spec, facts, card, "no training.json beside its rows says what their maker has seen"))


def corpus_of(spec: GeneratorSpec, suite: Suite, task: TaskSpec, place: str | None = None) -> Corpus:
    """The rows of a place as the task asks for them: its image, its size, and the real rows' window."""
    return open_corpus(
        place or placed(str(spec.place), suite),
        size=task.size or suite.train.size,
        image=task.image,
        name=f"{suite.name}: {spec.name}",
        window=suite.train.window if spec.window == "none" else spec.window,
        options=spec.options if place is None else (),
    )


def wanted(spec: GeneratorSpec, real: int) -> int:
    """How many synthetic rows are made beside so many real ones."""
    return spec.n or math.ceil(spec.per * real)


def fields_of(tasks: Sequence[TaskSpec]) -> list[str]:
    """What samples must hold for the tasks: their images, and label maps where masks or boxes are asked for."""
    images = dict.fromkeys(task.image for task in tasks)
    masked = {task.image for task in tasks if task.kind != "classification"}
    return [name for image in images for name in (image, *([f"{image}.mask"] if image in masked else []))]


def _with_card(opened: Opened) -> Opened:
    seen = opened.spec.seen
    if seen is None and opened.card is not None:
        seen = opened.card.records
    return replace(opened, facts=replace(opened.facts, seen=seen))
