"""The captions of a few pictures, where no picture can take the others with it."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from synthmed.errors import UserError
from synthmed.medart.captions.domain import Domain
from synthmed.medart.captions.pictures import read_picture
from synthmed.medart.captions.protocol import Describer, Failure, Picture
from synthmed.medart.captions.settings import Settings
from synthmed.medart.captions.table import MOST_CHARACTERS
from synthmed.medart.captions.tasks import Task


def captions_of(tasks: Sequence[Task], settings: Settings, domain: Domain, describer: Describer) -> list[str | Failure]:
    """Read the pictures, copy them if asked to, and describe those that can be read.

    Raises:
        UserError: what the back end says of all pictures.
    """
    texts: dict[int, str | Failure] = {}
    pictures: dict[int, Picture] = {}
    for place, task in enumerate(tasks):
        try:
            if settings.mode == "full" or settings.copy:
                pixels = read_picture(task.wanted)
                pictures[place] = Picture(task.wanted.id, pixels, task.row.label)
                if settings.copy:
                    _copy(pixels, settings.table.parent / task.row.file_name)
            if settings.mode != "full":
                texts[place] = domain.sentence(task.row.label) if settings.mode == "simple" else ""
        except UserError as error:
            texts[place] = Failure(str(error))
    open_ones = [place for place in pictures if place not in texts]
    seeds = [tasks[place].row.seed for place in open_ones]
    described = _described(describer, [pictures[place] for place in open_ones], domain, seeds)
    texts.update(zip(open_ones, described, strict=True))
    return [_clean(texts[place]) for place in range(len(tasks))]


def _described(
    describer: Describer, pictures: Sequence[Picture], domain: Domain, seeds: Sequence[int]
) -> list[str | Failure]:
    """A back end that breaks on several pictures is asked for one at a time, to know which it is."""
    if not pictures:
        return []
    try:
        return describer.describe(pictures, domain, seeds)
    except UserError:
        raise
    except Exception as error:  # a third party's back end may raise anything
        if len(pictures) == 1:
            return [Failure(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")]
        singly = (_described(describer, [one], domain, [seed]) for one, seed in zip(pictures, seeds, strict=True))
        return [text for texts in singly for text in texts]


def _clean(text: str | Failure) -> str | Failure:
    """One line that UTF-8 takes and the table holds."""
    if isinstance(text, Failure):
        return text
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    return line if len(line) <= MOST_CHARACTERS else Failure(f"the caption has {len(line)} characters")


def _copy(pixels: npt.NDArray[np.uint8], path: Path) -> None:
    """A PNG, grey where the channels are equal; whole or not there.

    Raises:
        UserError: another file is there, or it cannot be written.
    """
    grey = bool((pixels[..., :1] == pixels).all())
    png = io.BytesIO()
    Image.fromarray(pixels[..., 0] if grey else pixels).save(png, "PNG")
    try:
        if path.exists():
            if path.read_bytes() != png.getvalue():
                raise UserError(f"{path}: another file is there; name another folder with --out")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.write_bytes(png.getvalue())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
