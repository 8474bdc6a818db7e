"""A space in which a text and its image lie near each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from synthmed.errors import UserError
from synthmed.fields import ImageField


class AlignedSpace(Protocol):
    """Two encoders with one space, as a contrastively trained model has.

    Attributes:
        name: as a report calls it.
        digest: of its weights: figures are kept by it.
    """

    name: str
    digest: str

    def has(self, image: str) -> bool:
        """Whether it knows images of that name."""
        ...

    def texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, width) of the texts, of any length: they are compared by the cosine."""
        ...

    def images(self, field: ImageField, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n, width) of (n, C, H, W) pixels of that image, in the field's unit.

        Raises:
            UserError: the pixels cannot be brought to what it knows.
        """
        ...


@runtime_checkable
class HasSpace(Protocol):
    """A generator whose texts and images are aligned, as `synthmed.load.load_model` gives it."""

    def aligned_space(self) -> AlignedSpace:
        """Its space."""
        ...


def open_space(model: str) -> AlignedSpace:
    """The aligned space of a generator's folder, name or hub id.

    Raises:
        UserError: there is no such model, or it has no such space.
    """
    from synthmed.load import load_model

    generator = load_model(model)
    if not isinstance(generator, HasSpace):
        raise UserError(f"--space {model}: this model has no aligned space of texts and images; medm2g's have one")
    return generator.aligned_space()
