"""A space in which a text and its image lie near each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt


class AlignedSpace(Protocol):
    """Two encoders with one space, as a contrastively trained model has.

    Attributes:
        name: as a report calls it.
    """

    name: str

    def texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, width) of the texts, of any length: they are compared by the cosine."""
        ...

    def images(self, image: str, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n, width) of (n, C, H, W) pixels of that image, in its field's unit."""
        ...
