"""How far a gain could be the luck of the test rows: they are drawn again by patient, and the seeds with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from synthmed.downstream.rows import Rows
from synthmed.downstream.tasks.task import Drawn, Task
from synthmed.downstream.truth import Truth, take
from synthmed.evaluation.intervals import Interval, Places, bootstrap_defined


def row_interval(
    task: Task,
    treated: Sequence[Truth],
    control: Sequence[Truth],
    test: Rows,
    *,
    draws: int = 200,
    seed: int = 0,
) -> Interval:
    """A 95 % percentile interval of the mean gain in the primary figure, over test patients and seeds.

    Each draw takes patients with replacement, the same for both arms, and as many seeds, with replacement, as there
    are; then all their rows are scored. A draw in which the figure has no value is left out and counted.

    Args:
        treated, control: predictions for the test rows, of one seed after another, the same seeds.
        draws: each costs two scorings a seed, in milliseconds for 500 rows.

    Raises:
        ValueError: other numbers of seeds, or none.
    """
    if len(treated) != len(control) or not treated:
        raise ValueError(f"{len(treated)} predictions of the arm and {len(control)} of the other; one each a seed")
    rng = np.random.default_rng(seed)
    numbers = test.patient_numbers
    by_patient = np.split(np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers))[:-1])

    pairs = [
        (_of_draws(task, one, test.truth), _of_draws(task, other, test.truth))
        for one, other in zip(treated, control, strict=True)
    ]

    def gain(patients: Places) -> float:
        rows = np.concatenate([by_patient[patient] for patient in patients])
        chosen = (pairs[place] for place in rng.integers(0, len(pairs), len(pairs)))
        return float(np.mean([one(rows) - other(rows) for one, other in chosen]))

    return bootstrap_defined(gain, len(by_patient), draws=draws, seed=seed)


def _of_draws(task: Task, predictions: Truth, truth: Truth) -> Callable[[Places], float]:
    if isinstance(task, Drawn):
        return task.of_draws(predictions, truth)
    return lambda rows: task.score(take(predictions, rows), take(truth, rows))[task.primary]
