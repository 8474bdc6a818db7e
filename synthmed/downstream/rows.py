"""Rows of a corpus as a task's networks see them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from synthmed.downstream.tasks.task import Task
from synthmed.downstream.truth import Batch, Truth, as_tensors, take
from synthmed.errors import UserError
from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.evaluation.scale import unit
from synthmed.registry import nearest
from synthmed.sample import Scalar

_BLOCK = 256


@dataclass(frozen=True)
class Rows:
    """Images of one size with what is known of them, in memory or in a memory-mapped file.

    Attributes:
        pixels: (n, C, H, W) float16 in [0, 1]; half the memory of float32, and finer than 8 bits.
        truth: of the task.
        patients: pseudonyms; ``""`` where patients are not told apart.
        attributes: age, sex, view and the like, of each row.
        digest: sha256 of what they were read from.
        keys: the rows' names in their corpus; empty where they have none.
    """

    pixels: npt.NDArray[np.float16]
    truth: Truth
    patients: tuple[str, ...]
    attributes: tuple[Mapping[str, Scalar], ...]
    digest: str
    keys: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, places: Sequence[int] | npt.NDArray[np.int64]) -> Rows:
        """Those rows, in their order."""
        at = np.asarray(places, np.int64)
        digest = hashlib.sha256(f"{self.digest}{at.tolist()}".encode()).hexdigest()
        patients, attributes = (tuple(one[place] for place in at) for one in (self.patients, self.attributes))
        keys = tuple(self.keys[place] for place in at) if self.keys else ()
        # All rows of a memory-mapped file stay there.
        pixels = self.pixels if np.array_equal(at, np.arange(len(self))) else self.pixels[at]
        return Rows(pixels, take(self.truth, at), patients, attributes, digest, keys)

    @property
    def patient_numbers(self) -> npt.NDArray[np.int64]:
        """(n,) each row's patient as a number from 0; a row without one is a patient of its own."""
        return np.unique(patient_names(self.patients), return_inverse=True)[1].astype(np.int64)

    def batch(self, places: npt.NDArray[np.int64]) -> Batch:
        """Those rows as tensors."""
        return Batch(self.images(places), as_tensors(take(self.truth, places)))

    def images(self, places: npt.NDArray[np.int64]) -> torch.Tensor:
        """(n, C, H, W) float32 in [0, 1] of those rows."""
        return torch.from_numpy(self.pixels[places].astype(np.float32))


def read_rows(corpus: Corpus, task: Task, places: Sequence[int] | None = None, keep: Path | None = None) -> Rows:
    """The rows of a corpus that a task can use, in their order, a block at a time.

    Args:
        places: of the corpus; all with the task's image where None.
        keep: a new ``.npy`` file for the pixels, which are then not held in memory.

    Raises:
        UserError: the corpus has no such image, no row says what the task asks, or a row contradicts it.
    """
    if task.image not in corpus.images:
        raise UserError(f"{corpus.name}: has no image {task.image!r}{nearest(task.image, corpus.images)}")
    stored = corpus.images[task.image]
    task.check(stored)
    wanted = corpus.having(task.image)
    if places is not None:
        wanted = wanted[np.isin(wanted, np.asarray(places))]
    kept: list[int] = []
    facts: list[Facts] = []
    for block in _blocks(wanted.tolist()):
        for place, fact in zip(block, corpus.facts(block), strict=True):
            if task.usable(fact):
                kept.append(place)
                facts.append(fact)
    if not kept:
        raise UserError(
            f"{corpus.name}: none of {len(wanted)} rows with {task.image} can be used for {task.kind} of "
            f"{', '.join(task.names)}; name what its rows have"
        )
    pixels: npt.NDArray[np.float16] | None = None
    done = 0
    for block in _blocks(kept):
        values = unit(stored, corpus.pixels(task.image, block)).astype(np.float16)
        if pixels is None:
            pixels = _room((len(kept), *values.shape[1:]), keep)
        pixels[done : done + len(block)] = values
        done += len(block)
    assert pixels is not None
    content = json.dumps([corpus.digest, task.image, kept])
    return Rows(
        pixels,
        task.truth(corpus, kept),
        tuple(fact.patient for fact in facts),
        tuple(fact.attributes for fact in facts),
        hashlib.sha256(content.encode()).hexdigest(),
        tuple(fact.key for fact in facts),
    )


def patient_names(patients: Iterable[str]) -> npt.NDArray[np.str_]:
    """(n,) each row's patient; a row without one is a patient of its own, of a name that begins with ``row``."""
    names = [f"patient {patient}" if patient else f"row {place}" for place, patient in enumerate(patients)]
    return np.array(names, np.str_)


def _room(shape: tuple[int, ...], keep: Path | None) -> npt.NDArray[np.float16]:
    if keep is None:
        return np.empty(shape, np.float16)
    mapped: npt.NDArray[np.float16] = np.lib.format.open_memmap(keep, mode="w+", dtype=np.float16, shape=shape)
    return mapped


def _blocks(places: list[int]) -> Iterator[list[int]]:
    return (places[start : start + _BLOCK] for start in range(0, len(places), _BLOCK))
