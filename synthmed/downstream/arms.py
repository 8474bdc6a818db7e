"""The arms: what a task's network is trained on. All have the same steps, settings, first weights and real rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from synthmed.downstream.augment import Augmentation, Augmenter
from synthmed.downstream.fit import FitSettings, Source, fit
from synthmed.downstream.rows import Rows
from synthmed.downstream.tasks.task import Task
from synthmed.errors import UserError
from synthmed.training.randomness import Stream, derive


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        ratio: synthetic rows for each real one: of the rows, if there are as many, and of every batch; 0 for none, and
            infinite for synthetic rows alone, all of them.
        augment: rows are altered in the classical way.
        pretrain: share of the steps on all synthetic rows alone, before the rest on the real ones, each with its own
            cycle of the learning rate.
    """

    name: str
    ratio: float = 0.0
    augment: bool = False
    pretrain: float = 0.0

    @property
    def synthetic(self) -> bool:
        """Whether it needs synthetic rows."""
        return self.ratio > 0 or self.pretrain > 0


REAL = Arm("real")
ARMS: tuple[Arm, ...] = (
    REAL,
    Arm("real-augmented", augment=True),
    Arm("synthetic", ratio=math.inf),
    Arm("mixed-0.5", ratio=0.5),
    Arm("mixed-1", ratio=1.0),
    Arm("mixed-2", ratio=2.0),
    Arm("mixed-5", ratio=5.0),
    Arm("pretrained", pretrain=0.5),
)


def train_arm(
    task: Task,
    arm: Arm,
    real: Rows,
    synthetic: Rows | None,
    settings: FitSettings,
    seed: int,
    *,
    augmentation: Augmentation | None = None,
    validation: Rows | None = None,
) -> nn.Module:
    """The network of one arm, in evaluation mode.

    Args:
        real: the rows of this draw. The arm with synthetic rows alone takes only the weights of classes from them.
        augmentation: of an arm with ``augment``; the defaults where None.
        validation: real rows by which weights are chosen; see `fit`.

    Raises:
        UserError: the arm needs synthetic rows and there are none, or they have another size or other channels.
    """
    task = task.fitted(real.truth)
    if synthetic is not None and real.pixels.shape[1:] != synthetic.pixels.shape[1:]:
        raise UserError(
            f"{task.image}: real rows are {real.pixels.shape[1:]}, synthetic ones {synthetic.pixels.shape[1:]} "
            "(channels, rows, columns); open both with one size"
        )
    net = task.build(real.pixels.shape[1], derive(seed, Stream.ITEM))
    for stage, (sources, steps) in enumerate(_stages(arm, real, synthetic, settings.steps, seed)):
        here = derive(seed, Stream.NOISE, stage)
        size = (real.pixels.shape[2], real.pixels.shape[3])
        altered = Augmenter(augmentation or Augmentation(), size, here % 2**32) if arm.augment else None
        changed = settings.model_copy(update={"steps": steps})
        net = fit(task, net, sources, changed, here, augment=altered, validation=validation)
    return net


def synthetic_count(arm: Arm, real: int, synthetic: int) -> int:
    """How many of so many synthetic rows an arm sees beside so many real ones."""
    if not arm.synthetic:
        return 0
    if arm.pretrain or math.isinf(arm.ratio):
        return synthetic
    return min(max(1, round(arm.ratio * real)), synthetic)


def synthetic_rows(arm: Arm, real: Rows, synthetic: Rows | None, seed: int) -> Rows | None:
    """The synthetic rows that an arm sees: of a mixed one a random part, which a higher ratio's holds.

    Raises:
        UserError: it needs some and there are none.
    """
    if not arm.synthetic:
        return None
    if synthetic is None:
        raise UserError(f"arm {arm.name}: needs synthetic rows, and none were given; name a generator or shards")
    wanted = synthetic_count(arm, len(real), len(synthetic))
    if wanted == len(synthetic):
        return synthetic
    order = np.random.default_rng(derive(seed, Stream.ORDER, 1)).permutation(len(synthetic))
    return synthetic.take(np.sort(order[:wanted]))


def _stages(
    arm: Arm, real: Rows, synthetic: Rows | None, steps: int, seed: int
) -> Sequence[tuple[Sequence[Source], int]]:
    seen = synthetic_rows(arm, real, synthetic, seed)
    if seen is None:
        return [([Source(real)], steps)]
    if arm.pretrain:
        before = min(max(1, round(arm.pretrain * steps)), steps - 1)
        return [([Source(seen)], before), ([Source(real)], steps - before)]
    if math.isinf(arm.ratio):
        return [([Source(seen)], steps)]
    share = arm.ratio / (1 + arm.ratio)
    return [([Source(real, 1 - share), Source(seen, share)], steps)]
