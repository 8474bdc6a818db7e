"""The synthetic rows that cells need, of every generator, and what the guard finds in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthmed.downstream.suite.data import TEST, TRAIN, RealRows, rows_folder
from synthmed.downstream.suite.drawn import recipe_overrides
from synthmed.downstream.suite.generators import Opened, corpus_of, wanted
from synthmed.downstream.suite.guard import check_made
from synthmed.downstream.suite.outcome import Check, GeneratorFacts
from synthmed.downstream.suite.plan import Job, draws
from synthmed.downstream.suite.rendering import render, request_for
from synthmed.downstream.suite.schema import GeneratorSpec, Suite, TaskSpec
from synthmed.downstream.suite.sets import drawn, keep_corpus, made_folder, named
from synthmed.downstream.suite.train import Work, deform_rows
from synthmed.downstream.suite.workers import Workers
from synthmed.errors import UserError
from synthmed.load import load_model

TrainGenerator = Callable[[str, Sequence[str], Path, str | None], Path]
"""From a recipe's name, its overrides, a run's folder and a model to start from (None: from scratch) to the trained
model's folder. The same call goes on where it stopped."""


@dataclass(frozen=True)
class Prepare:
    """What making sets takes.

    Attributes:
        told: hears what is being done.
        train_generator: None where nobody trains.
    """

    suite: Suite
    jobs: Sequence[Job]
    real: RealRows
    out: Path
    pool: Workers
    told: Callable[[str], None]
    train_generator: TrainGenerator | None = None

    def sets(self, opened: Sequence[Opened]) -> tuple[list[GeneratorFacts], list[Check]]:
        """Make or open all rows.

        Raises:
            UserError: rows that are test rows, or a generator that does not make what tasks need.
        """
        facts: list[GeneratorFacts] = []
        checks: list[Check] = []
        for one in opened:
            spec = one.spec
            jobs = firsts(self.jobs, spec)
            note = self._make(one, jobs) if jobs else ""
            sizes = []
            for job in jobs:
                rows = made_folder(self.out, spec, job).load()
                sizes.append(len(rows))
                if spec.resample is None:
                    checks.append(check_made(spec.name, rows, rows_folder(self.out, TEST, job.task).load()))
            facts.append(one.of(max(sizes, default=0), note))
        # Tasks of one image and size ask the same of the same rows.
        return facts, list(dict.fromkeys(checks))

    def _make(self, one: Opened, jobs: Sequence[Job]) -> str:
        spec = one.spec
        if spec.resample is not None:
            self.told(f"{spec.name}: deforming real rows")
            self.pool.run(deform_rows, [Work(self.out, self.suite, job) for job in jobs], lambda work: None)
            return ""
        if spec.trained is not None:
            return [self._trained(spec, job) for job in jobs][-1]
        tasks = [named(self.suite, job)[1] for job in jobs]
        note, place = "", None
        if spec.model is not None:
            n = wanted(spec, max(self._drawn(spec, task) for task in tasks))
            request = request_for(spec, one.model, self.real.corpus(TRAIN, tasks[0]), tasks, n, spec.seed)
            note, folder = request.note, self.out / "synthetic" / spec.name
            render(one.model, folder, request, self.pool.count, self._progress(spec))
            place = str(folder)
        self.told(f"{spec.name}: reading")
        for job, task in zip(jobs, tasks, strict=True):
            keep_corpus(self.out, spec, task, job, corpus_of(spec, self.suite, task, place))
        return note

    def _drawn(self, spec: GeneratorSpec, task: TaskSpec) -> int:
        """Rows of the largest draw beside which the generator's are used."""
        pairs = draws(self.jobs, spec, task.key)
        return max(len(drawn(self.out, task, amount, seed)) for amount, seed in pairs)

    def _trained(self, spec: GeneratorSpec, job: Job) -> str:
        if self.train_generator is None:
            raise UserError(f"generator {spec.name}: nobody trains recipes here; use `synthmed benchmark`")
        task = named(self.suite, job)[1]
        real = drawn(self.out, task, job.amount, job.seed)
        made = made_folder(self.out, spec, job)
        folder = self.out / "synthetic" / made.path.name.removeprefix("made-")
        self.told(f"{spec.name}: training on {len(real)} rows ({folder.name})")
        overrides = recipe_overrides(spec, self.suite, real.keys)
        place = self.train_generator(str(spec.trained), overrides, folder / "run", spec.init)
        model, n = load_model(place), wanted(spec, len(real))
        corpus = self.real.corpus(TRAIN, task)
        request = request_for(spec, model, corpus, [task], n, job.seed, frozenset(real.keys))
        render(model, folder / "made", request, self.pool.count, self._progress(spec))
        keep_corpus(self.out, spec, task, job, corpus_of(spec, self.suite, task, str(folder / "made")))
        return request.note

    def _progress(self, spec: GeneratorSpec) -> Callable[[int, int], None]:
        return lambda done, rows: self.told(f"{spec.name}: {done} of {rows} rows generated")


def firsts(jobs: Sequence[Job], spec: GeneratorSpec) -> list[Job]:
    """One cell for each set of rows of a generator."""
    found: dict[object, Job] = {}
    for job in jobs:
        if job.generator == spec.name:
            found.setdefault((job.task, job.amount, job.seed) if spec.per_draw else job.task, job)
    return list(found.values())
