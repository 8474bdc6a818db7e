"""Suites by name or file, and what one would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from synthmed.downstream.suite.data import TEST, TRAIN, RealRows, build_task
from synthmed.downstream.suite.plan import plan
from synthmed.downstream.suite.schema import Suite, TaskSpec
from synthmed.errors import UserError
from synthmed.recipe import find_recipe, read_recipe, recipes, validate
from synthmed.registry import nearest

FOLDER = "benchmark"


def load_suite(name: str, overrides: Sequence[str] = (), *, quick: bool = False) -> Suite:
    """A packaged suite (``phantom`` or ``benchmark/phantom``), or a YAML file of the user's own.

    Args:
        quick: with the suite's own overrides for a run of minutes, before the others.

    Raises:
        UserError: no such suite, or it is not sound.
    """
    known = [full.removeprefix(f"{FOLDER}/") for full, _ in recipes() if full.startswith(f"{FOLDER}/")]
    short = name.removeprefix(f"{FOLDER}/")
    if short in known:
        full = f"{FOLDER}/{short}"
    elif name.endswith((".yaml", ".yml")):
        full = name
    else:
        raise UserError(f"no suite {name!r}{nearest(short, known)}")
    where = str(find_recipe(full))
    first = validate(read_recipe(full), Suite, where).quick if quick else ()
    if quick and not first:
        raise UserError(f"{where}: it has no quick: overrides; leave --quick out")
    return validate(read_recipe(full, [*first, *overrides]), Suite, where)


def described(suite: Suite) -> str:
    """What a run would train, in lines; rows are counted and nothing is written.

    Raises:
        UserError: rows that are not there, or a task with a wrong option.
    """
    real = RealRows(suite, Path())
    jobs = plan(suite)
    lines = []
    for task in suite.tasks:
        build_task(task)
        counts = {role: _count(real, role, task) for role in (TRAIN, TEST)}
        mine = [job for job in jobs if job.task == task.key]
        by = Counter((job.generator or "real rows", job.amount) for job in mine)
        lines.append(
            f"{task.kind} of {task.image}: at most {counts[TRAIN]} training and {counts[TEST]} test rows; "
            f"{len(mine)} cells of {task.fit.steps} steps, seeds {', '.join(map(str, task.seeds))}"
        )
        for (generator, amount), cells in by.items():
            share = f"{amount:.3g} of the rows" if isinstance(amount, float) else f"{amount} rows"
            lines.append(f"  {generator}, {share}: {cells} cells")
    for spec in suite.generators:
        lines.append(f"generator {spec.name}: {spec.kind}, {spec.setting}")
    steps = sum(task.fit.steps * sum(job.task == task.key for job in jobs) for task in suite.tasks)
    lines.append(f"{len(jobs)} cells, {steps} optimiser steps in all")
    return "\n".join(lines)


def _count(real: RealRows, role: str, task: TaskSpec) -> int:
    corpus = real.corpus(role, task)
    if task.image not in corpus.images:
        raise UserError(f"{corpus.name}: has no image {task.image!r}{nearest(task.image, corpus.images)}")
    return corpus.rows[task.image]
