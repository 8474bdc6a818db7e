"""Checkpoints: folders of safetensors and JSON that are there whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from synthmed.errors import UserError

_LOG = logging.getLogger(__name__)
_STATE = "state.json"
Tensors = Mapping[str, torch.Tensor]


class Record(BaseModel):
    """``state.json``.

    Attributes:
        step: optimiser steps done.
        settings: those that decide what the weights become, see `Settings.decisive`.
        fingerprint: what the caller says must not change: data, networks, stage.
        scalars: the optimiser's numbers that are no tensors, and the gradient scaler's.
        environment: versions, device, threads, processes.
        files: SHA-256 of each file of tensors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    step: int
    settings: dict[str, Any]
    fingerprint: dict[str, Any]
    scalars: dict[str, Any]
    environment: dict[str, Any]
    files: dict[str, str] = {}


def save_checkpoint(folder: Path, record: Record, files: Mapping[str, Tensors], keep: int) -> Path:
    """Write ``folder/step-00001000/``, then drop all but the ``keep`` newest.

    It is written under another name, synchronised to disk, and renamed.
    """
    place = folder / f"step-{record.step:08d}"
    temporary = folder / f".{place.name}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    sums = {}
    for name, tensors in files.items():
        # A copy: safetensors takes neither shared nor channels-last memory.
        values = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
        save_file(values, temporary / name)
        sums[name] = _sha256(temporary / name)
    complete = record.model_copy(update={"files": sums})
    (temporary / _STATE).write_text(complete.model_dump_json(indent=1) + "\n", encoding="utf-8")
    for file in [*temporary.iterdir(), temporary]:
        _sync(file)
    temporary.rename(place)
    _sync(folder)
    for old in _complete(folder)[:-keep]:
        # Under a temporary name first: killed half-way, it is not taken for a damaged checkpoint.
        shutil.rmtree(old.rename(folder / f".{old.name}.tmp"))
    return place


def load_checkpoint(folder: Path) -> tuple[Path, Record, dict[str, dict[str, torch.Tensor]]] | None:
    """The newest undamaged checkpoint, its record and its tensors; None where there is none yet.

    What a killed run left half-written is removed. A damaged checkpoint is named in a warning and moved aside, to
    ``step-00001000.damaged``.

    Raises:
        UserError: there are checkpoints, and all are damaged.
    """
    for unfinished in folder.glob(".step-*.tmp"):
        shutil.rmtree(unfinished)
    candidates = _complete(folder)
    for place in reversed(candidates):
        try:
            return place, *_read(place)
        except (OSError, ValueError, SafetensorError) as error:
            _LOG.warning("%s is damaged (%s); going back to the one before", place, _one_line(error))
            aside = place.with_suffix(".damaged")
            shutil.rmtree(aside, ignore_errors=True)
            place.rename(aside)
    if any(folder.glob("step-*.damaged")):
        raise UserError(f"{folder}: every checkpoint is damaged; restore one, or remove the folder to start anew")
    return None


def _read(place: Path) -> tuple[Record, dict[str, dict[str, torch.Tensor]]]:
    record = Record.model_validate_json((place / _STATE).read_text(encoding="utf-8"))
    for name, expected in record.files.items():
        if Path(name).name != name or _sha256(place / name) != expected:
            raise ValueError(f"{name} is not what was written")
    return record, {name: load_file(place / name) for name in record.files}


def _complete(folder: Path) -> list[Path]:
    """The checkpoints, oldest first."""
    return sorted(place for place in folder.glob("step-*") if place.name.removeprefix("step-").isdigit())


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return f"{_STATE} is not what was written"
    return " ".join(str(error).split())
