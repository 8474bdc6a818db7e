"""What describes pictures in words: one protocol, and the back ends by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from synthmed.medart.captions.domain import Domain
from synthmed.registry import Entry, Registry


@dataclass(frozen=True, eq=False)
class Picture:
    """One image that wants a caption.

    Attributes:
        file: its name, for messages.
        pixels: (H, W, 3) uint8; grey images have three equal channels.
        label: its class, as `Domain.sentence` takes it: several have ``|`` between them; "" where none is known.
    """

    file: str
    pixels: npt.NDArray[np.uint8]
    label: str = ""


@dataclass(frozen=True)
class Failure:
    """Why one picture has no caption, in one line. The run goes on without it."""

    reason: str


@runtime_checkable
class Describer(Protocol):
    """A back end: a class whose constructor's arguments are its options, with types and defaults.

    Attributes:
        name: what the table's ``describer`` column says; with the model's name where there is one. Another name means
            other captions: a table is not gone on with under it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  # said above

    def describe(self, pictures: Sequence[Picture], domain: Domain, seeds: Sequence[int]) -> list[str | Failure]:
        """One caption a picture, in their order, or why there is none.

        A caption begins with ``domain.sentence(picture.label)`` and is a function of the picture, the domain and the
        picture's seed alone.

        Raises:
            UserError: what concerns all pictures and only the user can mend, as a model that is not there. What one
                picture alone suffers from is a `Failure`.
        """
        ...


DESCRIBERS: Registry[type[Describer]] = Registry(
    "describers",
    [
        Entry(
            "embedded",
            "measures colour, shape, border, texture and words them; no weights, no network",
            "synthmed.medart.captions.embedded.describer:EmbeddedDescriber",
        ),
        Entry(
            "vlm",
            "any transformers image-text-to-text model, LLaVA-NeXT with the paper's settings among them",
            "synthmed.medart.captions.vlm:VlmDescriber",
        ),
        Entry(
            "endpoint",
            "any OpenAI-compatible server, as vLLM's",
            "synthmed.medart.captions.endpoint:EndpointDescriber",
        ),
    ],
)
