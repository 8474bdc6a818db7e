"""What a copy detector answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Matches:
    """Of each picture the nearest row of a gallery.

    Attributes:
        scores: (n,) how alike the two are; 1 is the most.
        places: (n,) of the rows, in the gallery's order.
    """

    scores: npt.NDArray[np.float32]
    places: npt.NDArray[np.int64]


class Detector(Protocol):
    """Looks for pictures in a gallery that it holds."""

    @property
    def name(self) -> str:
        """How it compares, as a report calls it."""
        ...

    def __call__(self, pictures: npt.NDArray[np.float32]) -> Matches:
        """The nearest rows of pictures, (n, C, H, W) in [0, 1]; each picture's answer is its own, but for rounding."""
        ...
