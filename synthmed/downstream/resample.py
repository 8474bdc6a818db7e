"""How far a gain could be the luck of the test rows: they are drawn again by patient, and the seeds with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthmed.downstream.rows import Rows
from synthmed.downstream.tasks.task import Task
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
        draws: each costs two scorings a seed: of 500 rows milliseconds for labels, seconds for boxes.

    Raises:
        ValueError: other numbers of seeds, or none.
    """
    if len(treated) != len(control) or not treated:
        raise ValueError(f"{len(treated)} predictions of the arm and {len(control)} of the other; one each a seed")
    rng = np.random.default_rng(seed)
    numbers = test.patient_numbers
    by_patient = np.split(np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers))[:-1])

    def gain(patients: Places) -> float:
        rows = np.concatenate([by_patient[patient] for patient in patients])
        truth = take(test.truth, rows)
        found = [
            task.score(take(treated[place], rows), truth)[task.primary]
            - task.score(take(control[place], rows), truth)[task.primary]
            for place in rng.integers(0, len(treated), len(treated))
        ]
        return float(np.mean(found))

    return bootstrap_defined(gain, len(by_patient), draws=draws, seed=seed)
