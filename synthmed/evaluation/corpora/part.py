"""Some rows of a corpus, as a corpus."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.fields import ImageField


class PartCorpus:
    """The rows of a corpus at some places, in that order. A row costs eight bytes of memory.

    Args:
        places: of the whole; each once.
        name: as a report calls it; the whole's if left out.
    """

    def __init__(self, whole: Corpus, places: Sequence[int] | npt.NDArray[np.int64], name: str = "") -> None:
        self.name = name or whole.name
        self._whole, self._places = whole, np.asarray(places, np.int64)
        self.images: Mapping[str, ImageField] = whole.images
        self._having = {image: np.flatnonzero(np.isin(self._places, whole.having(image))) for image in whole.images}
        self.rows: Mapping[str, int] = {image: len(having) for image, having in self._having.items()}

    def __len__(self) -> int:
        return len(self._places)

    @functools.cached_property
    def digest(self) -> str:
        """Of the whole's and of the places."""
        return hashlib.sha256(self._whole.digest.encode() + self._places.astype("<i8").tobytes()).hexdigest()

    def having(self, image: str) -> npt.NDArray[np.int64]:
        """See `synthmed.evaluation.corpus.Corpus`."""
        return self._having[image]

    def pixels(self, image: str, places: Sequence[int]) -> npt.NDArray[np.float32]:
        """See `synthmed.evaluation.corpus.Corpus`."""
        return self._whole.pixels(image, self._at(places))

    def masks(self, image: str, places: Sequence[int]) -> npt.NDArray[np.uint8]:
        """See `synthmed.evaluation.corpus.Corpus`."""
        return self._whole.masks(image, self._at(places))

    def facts(self, places: Sequence[int]) -> list[Facts]:
        """See `synthmed.evaluation.corpus.Corpus`."""
        return self._whole.facts(self._at(places))

    def _at(self, places: Sequence[int]) -> list[int]:
        found: list[int] = self._places[np.asarray(places, np.int64)].tolist()
        return found
