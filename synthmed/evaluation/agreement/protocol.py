"""A network trained on real rows that looks at synthetic ones."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt


class Judge(Protocol):
    """It sees pixels alone, never what the row says.

    Attributes:
        task: what it answers.
        image: the image that it looks at, ``xray``.
        names: labels of a classifier; of a segmenter the mask's names by value, the background first; categories of a
            detector's boxes.
        real: its own score on real rows that it was not trained on, by the same function of
            `synthmed.evaluation.agreement.scores` that judges the synthetic: macro AUROC, mean Dice, AP50. None where
            nobody measured it.
        digest: of its weights, and of what else its answers depend on: figures are kept by it.
    """

    task: Literal["classification", "segmentation", "detection"]
    image: str
    names: tuple[str, ...]
    real: float | None
    digest: str

    def __call__(self, pixels: npt.NDArray[np.float32]) -> Any:
        """What it sees in (n, C, H, W) pixels in the field's unit.

        Returns:
            classification: (n, len(names)) scores, higher is surer; exclusive or not. segmentation: (n, H, W) label
            map. detection: ``list[list[tuple[Box, float]]]``, each row's boxes, in pixels of what it was given, with
            their scores.
        """
        ...
