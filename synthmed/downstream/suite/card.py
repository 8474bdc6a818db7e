"""What a generator's ``training.json`` says of the images that it was trained on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from synthmed.data.pixels import check_file
from synthmed.errors import UserError

CARD = "training.json"
_MAX_BYTES = 2**28


@dataclass(frozen=True)
class Card:
    """By `synthmed.data.card.data_card`.

    Attributes:
        pixels: sha256 of the decoded pixels of every training image.
        records: how many training records there were.
    """

    pixels: frozenset[str]
    records: int


def read_card(folder: Path) -> Card | None:
    """The card of a model's or a synthetic set's folder; None where there is none.

    Raises:
        UserError: it is damaged, or says nothing of its training images.
    """
    path = folder / CARD
    if not path.is_file():
        return None
    check_file(path, _MAX_BYTES)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))["data"]
        pixels, records = data["pixels"], data["records"]["train"]
        if not isinstance(pixels, list) or not all(isinstance(one, str) for one in pixels):
            raise TypeError("data.pixels is no list of names")
        return Card(frozenset(pixels), int(records))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: does not list the training images ({error!r}); remove it to go without") from None
