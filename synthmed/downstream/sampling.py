"""Which real rows an arm may see: by patient, stratified, the same for every arm of a seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthmed.downstream.rows import Rows
from synthmed.downstream.tasks.task import Task
from synthmed.errors import UserError
from synthmed.training.randomness import Stream, derive

Places = npt.NDArray[np.int64]


def draw(rows: Rows, task: Task, amount: float | int, seed: int) -> Places:
    """Places of a share of the rows (a float up to 1), or of a number of them (an int), rising.

    Patients are kept whole. A patient's stratum is the rarest of the task's names that it has. Within each stratum
    patients stand in random order at equal distances on [0, 1), and the draw takes those below a bound, as many as give
    the number of rows or, where the last patient has several, a few more: every stratum has its share to within one
    patient. A larger draw of the same seed holds the smaller one. It depends on rows, amount and seed: equal for all
    arms.

    Raises:
        UserError: nothing, or more than there is, is asked for.
    """
    count = round(amount * len(rows)) if isinstance(amount, float) else amount
    if not 0 < count <= len(rows) or (isinstance(amount, float) and amount > 1):
        raise UserError(f"{amount} of {len(rows)} rows: a share up to 1.0 that gives a row, or a number up to theirs")
    rng = np.random.default_rng(derive(seed, Stream.ORDER, 0))
    patients = rows.patient_numbers
    strata = _strata(task.presence(rows.truth), patients)
    position = np.empty(len(strata))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        order = rng.permutation(len(members))
        position[members] = (order + rng.random()) / len(members)
    sizes = np.bincount(patients)
    order = np.argsort(position, kind="stable")
    enough = int(np.searchsorted(np.cumsum(sizes[order]), count)) + 1
    return np.flatnonzero(np.isin(patients, order[:enough])).astype(np.int64)


def _strata(presence: npt.NDArray[np.bool_], patients: Places) -> Places:
    """Each patient's rarest name, or the number of names for a patient that has none."""
    n, names = int(patients.max()) + 1, presence.shape[1]
    has = np.zeros((n, names), bool)
    np.logical_or.at(has, patients, presence)
    order = np.argsort(has.sum(0), kind="stable")
    rank: Places = np.where(has[:, order], np.arange(names), names).min(1, initial=names).astype(np.int64)
    return rank
