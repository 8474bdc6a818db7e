"""What is evaluated: rows of images, masks and facts, whoever made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from synthmed.fields import ImageField
from synthmed.sample import Box, Scalar


@dataclass(frozen=True)
class Facts:
    """What a row says besides its pixels.

    Attributes:
        key: its name in its corpus, unique there.
        patient: pseudonym, ``""`` where patients are not told apart.
        report: None where there is no text.
        labels: findings or classes; empty where nothing is stated.
        labels_by_image: which of them can be seen in each image, where that is known.
        boxes: of all images.
        prompt: the text that conditioned a synthetic row, ``""`` for none.
        attributes: age, sex, view and the like.
    """

    key: str
    patient: str = ""
    report: str | None = None
    labels: tuple[str, ...] = ()
    labels_by_image: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    prompt: str = ""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)


class Corpus(Protocol):
    """Rows that are read when they are asked for; nothing of the size of the whole is held in memory.

    Attributes:
        name: as a report calls it.
        digest: sha256 of what it holds: equal content, equal digest; features are cached by it.
        images: how each image is stored, by canonical name; ``mask`` names a label map's values.
        rows: how many rows have each image, by name.
    """

    name: str
    images: Mapping[str, ImageField]
    rows: Mapping[str, int]

    @property
    def digest(self) -> str:
        """64 hex digits; found when it is first asked for."""
        ...

    def __len__(self) -> int: ...

    def having(self, image: str) -> npt.NDArray[np.int64]:
        """Places of the rows with that image, rising."""
        ...

    def pixels(self, image: str, places: Sequence[int]) -> npt.NDArray[np.float32]:
        """(n, C, H, W) in the unit of ``images[image]``, all of the corpus's one size.

        Raises:
            UserError: a file cannot be read, or sizes differ and the corpus was opened without one.
        """
        ...

    def masks(self, image: str, places: Sequence[int]) -> npt.NDArray[np.uint8]:
        """(n, H, W) label maps beside that image."""
        ...

    def facts(self, places: Sequence[int]) -> list[Facts]:
        """What the rows say."""
        ...
