"""What an arm gains over real rows alone: paired differences over seeds, and whether they may be printed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from synthmed.downstream.arms import REAL
from synthmed.downstream.cell import FULL, Cell, Setting
from synthmed.evaluation.intervals import bootstrap, known

Verdict = Literal["gain", "loss", "not shown", "not trained"]


@dataclass(frozen=True)
class Effect:
    """An arm minus the other, of the same seeds.

    Attributes:
        mean: of the differences.
        spread: their standard deviation over seeds, with n - 1.
        low, high: a 95 % interval of the mean by Student's t with n - 1 degrees of freedom.
        boot_low, boot_high: the percentile bootstrap's over seeds. With few seeds it is too narrow: differences of one
            sign never give one that holds 0. Verdicts are the t-interval's.
        p: of the paired t-test, two-sided.
        seeds: n. What one seed cannot give is None.
    """

    mean: float
    spread: float | None
    low: float | None
    high: float | None
    boot_low: float | None
    boot_high: float | None
    p: float | None
    seeds: int


def paired(treated: Mapping[int, float], control: Mapping[int, float], level: float = 0.95) -> Effect:
    """The effect of values by seed; seeds that only one side has are left out.

    Raises:
        ValueError: there is no seed that both have.
    """
    seeds = sorted(set(treated) & set(control))
    if not seeds:
        raise ValueError("no seed that both arms have")
    differences = np.array([treated[seed] - control[seed] for seed in seeds])
    n, mean = len(seeds), float(differences.mean())
    if n == 1:
        return Effect(mean, None, None, None, None, None, None, 1)
    spread = float(differences.std(ddof=1))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * spread / math.sqrt(n)
    low, high = known(bootstrap(lambda places: float(differences[places].mean()), n, level=level))
    # Equal differences have no t: certain, unless they are all 0.
    p = float(stats.ttest_1samp(differences, 0).pvalue) if spread > 0 else float(mean == 0)
    return Effect(mean, spread, mean - half, mean + half, low, high, p, n)


@dataclass(frozen=True)
class Gain:
    """A row of the table of gains.

    Attributes:
        effect: of the arm over real rows alone at the same amount; None where none may be printed.
        full: the mean of real rows alone with all real rows, which the bar is for; None where no cell has it.
        verdict: ``gain`` or ``loss`` where the t-interval does not hold 0; ``not shown`` where it does, or one seed
            leaves none; ``not trained`` where all real rows do not reach the bar.
        note: why there is no effect, in a sentence.
    """

    task: str
    image: str
    figure: str
    amount: float | int
    arm: str
    setting: Setting
    effect: Effect | None
    full: float | None
    verdict: Verdict
    note: str = ""


def gains(cells: Sequence[Cell]) -> list[Gain]:
    """Every arm against real rows alone, in the cells' order: one row for each task, image, amount, arm and setting.

    Rows of two settings are never one, and an arm is only paired with real-only cells of its own setting.
    """
    found = []
    rows = dict.fromkeys((cell.task, cell.image, cell.amount, cell.arm, cell.setting) for cell in cells)
    for task, image, amount, arm, setting in rows:
        if arm == REAL.name:
            continue
        mine = [cell for cell in cells if (cell.task, cell.image, cell.setting) == (task, image, setting)]
        full = list(_values(mine, REAL.name, FULL).values())
        treated, control = _values(mine, arm, amount), _values(mine, REAL.name, amount)
        first = mine[0]
        reached = float(np.mean(full)) if full else None
        effect, verdict, note = _judged(treated, control, reached, first)
        found.append(Gain(task, image, first.figure, amount, arm, setting, effect, reached, verdict, note))
    return found


def _judged(
    treated: Mapping[int, float], control: Mapping[int, float], full: float | None, cell: Cell
) -> tuple[Effect | None, Verdict, str]:
    if full is None:
        return None, "not trained", f"no {REAL.name} cell with all real rows says whether the task is learnt"
    if full < cell.bar:
        return None, "not trained", f"all real rows reach {cell.figure} {full:.3f}, below {cell.bar:g}"
    if not set(treated) & set(control):
        return None, "not shown", f"no seed has this arm and {REAL.name} at this amount"
    effect = paired(treated, control)
    if effect.low is None or effect.high is None or effect.low <= 0 <= effect.high:
        return effect, "not shown", ""
    return effect, "gain" if effect.low > 0 else "loss", ""


def _values(cells: Sequence[Cell], arm: str, amount: float | int) -> dict[int, float]:
    """Primary figures by seed. A number of rows that equals a share's is another amount."""
    same = [cell for cell in cells if cell.arm == arm and cell.amount == amount and type(cell.amount) is type(amount)]
    return {cell.seed: cell.value for cell in same if cell.value is not None}
