"""From which score on a picture counts as a copy, and how often that happens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from synthmed.errors import UserError

ALARMS = 0.01
"""The share of real hold-out images that may score above the threshold."""


def threshold(holdout: npt.NDArray[np.floating], alarms: float = ALARMS) -> float:
    """The lowest of the given scores that at most ``alarms`` of them are above.

    Args:
        holdout: each hold-out image's score against the training images, from patients that are not in training.
        alarms: below ``1 / len(holdout)`` it is the highest score.

    Raises:
        UserError: there are no scores.
    """
    if not len(holdout):
        raise UserError("copying: there is no hold-out image to set a threshold by; give --real rows of other patients")
    return float(np.quantile(np.asarray(holdout, np.float64), 1 - alarms, method="inverted_cdf"))


@dataclass(frozen=True)
class Rate:
    """How many of ``n`` were found."""

    found: int
    n: int

    @classmethod
    def above(cls, scores: npt.NDArray[np.floating], limit: float) -> Rate:
        """Of scores, those above ``limit``."""
        return cls(int((np.asarray(scores, np.float64) > limit).sum()), len(scores))

    @property
    def value(self) -> float:
        """In [0, 1]; nan of none."""
        return self.found / self.n if self.n else float("nan")

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """C. Clopper and E. Pearson's exact one (Biometrika 26, 1934), for rows that are drawn independently.

        A bootstrap would say 0 to 0 where nothing was found.
        """
        if not self.n:
            return float("nan"), float("nan")
        ends = binomtest(self.found, self.n).proportion_ci(level, "exact")
        return float(ends.low), float(ends.high)
