"""One cell of a benchmark: a task, an arm, an amount of real rows and a seed, trained and scored."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pydantic

from synthmed.downstream.arms import Arm, synthetic_count, train_arm
from synthmed.downstream.augment import Augmentation
from synthmed.downstream.fit import FitSettings, predict
from synthmed.downstream.rows import Rows
from synthmed.downstream.sampling import draw
from synthmed.downstream.subgroups import scores
from synthmed.downstream.tasks.task import Task
from synthmed.downstream.truth import Truth
from synthmed.errors import UserError
from synthmed.problem import problem

Setting = Literal["strict", "released"]
"""``strict``: the generator was trained, or tuned from a base that has not seen the source, on the very real rows that
the arms see. ``released``: it saw more, and nothing that comes out may be called a gain from little data."""
FULL = 1.0
"""The amount that is all real rows."""


@dataclass(frozen=True)
class Cell:
    """What is kept of a training, and what another tool that trains its own cells may put in the same table.

    Attributes:
        amount: of the real training rows: a share (1.0 for all), or a number.
        value: the task's primary figure on the test rows; None where it has none.
        scores: all its figures, by name and by subgroup.
        real_rows, synthetic_rows: that the network was trained on.
        seconds: of training and scoring.
        generator: the name of what made the synthetic rows; ``""`` for a cell without any.
    """

    suite: str
    task: str
    image: str
    arm: str
    amount: float | int
    seed: int
    setting: Setting
    figure: str
    value: float | None
    bar: float
    scores: Mapping[str, float | None] = field(default_factory=dict)
    real_rows: int = 0
    synthetic_rows: int = 0
    test_rows: int = 0
    steps: int = 0
    seconds: float = 0.0
    generator: str = ""

    @property
    def key(self) -> str:
        """Of this cell alone in a suite; a file's name."""
        return cell_key(self.task, self.image, self.setting, self.amount, self.arm, self.seed, self.generator)

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any, where: str) -> Cell:
        """What `to_json` gave.

        Raises:
            UserError: it is something else; names ``where`` and the field.
        """
        try:
            return _CELL.validate_json(json.dumps(data))
        except pydantic.ValidationError as error:
            raise UserError(f"{where}: {problem(error)}; remove it to run the cell again") from None


def cell_key(
    task: str, image: str, setting: Setting, amount: float | int, arm: str, seed: int, generator: str = ""
) -> str:
    """`Cell.key` of a cell that need not be trained yet."""
    share = f"{amount:g}" if isinstance(amount, float) else f"n{amount}"
    by = f"-{generator}" if generator else ""
    return f"{task}-{image}-{setting}{by}-{share}-{arm}-seed{seed}"


_CELL = pydantic.TypeAdapter(Cell)


@dataclass(frozen=True)
class Data:
    """What the cells of a task share.

    Attributes:
        real: all real training rows, of which cells draw.
        test: real rows of other patients, which judge.
        synthetic: None where there are none; only arms without them can then be trained.
        validation: real rows of further patients that may choose weights.
    """

    real: Rows
    test: Rows
    synthetic: Rows | None = None
    validation: Rows | None = None


def run_cell(
    task: Task,
    arm: Arm,
    data: Data,
    settings: FitSettings,
    *,
    amount: float | int,
    seed: int,
    setting: Setting,
    suite: str = "",
    generator: str = "",
    augmentation: Augmentation | None = None,
) -> tuple[Cell, Truth]:
    """Train one cell and score it; gives its predictions for the test rows too, for `resample.row_interval`.

    Raises:
        UserError: the amount cannot be drawn, or synthetic rows are missing or of another size.
    """
    started = time.monotonic()
    real = data.real.take(draw(data.real, task, amount, seed))
    net = train_arm(
        task, arm, real, data.synthetic, settings, seed, augmentation=augmentation, validation=data.validation
    )
    predictions = predict(task, net, data.test)
    found = {name: _known(value) for name, value in scores(task, predictions, data.test).items()}
    cell = Cell(
        suite=suite,
        task=task.kind,
        image=task.image,
        arm=arm.name,
        amount=amount,
        seed=seed,
        setting=setting,
        figure=task.primary,
        value=found[task.primary],
        bar=task.bar,
        scores=found,
        real_rows=0 if math.isinf(arm.ratio) else len(real),
        synthetic_rows=synthetic_count(arm, len(real), 0 if data.synthetic is None else len(data.synthetic)),
        test_rows=len(data.test),
        steps=settings.steps,
        seconds=time.monotonic() - started,
        generator=generator,
    )
    return cell, predictions


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
