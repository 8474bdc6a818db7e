"""Judges: networks trained once on real rows, kept in a folder, which say what synthetic images show."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from synthmed.downstream.fit import FitSettings, Source, fit
from synthmed.downstream.rows import read_rows
from synthmed.downstream.tasks.detection import Detection, as_boxes
from synthmed.downstream.tasks.task import Task
from synthmed.downstream.truth import Boxes
from synthmed.errors import UserError
from synthmed.evaluation.agreement.judged import Judged
from synthmed.evaluation.agreement.protocol import Judge
from synthmed.evaluation.agreement.tasks import classified, detected, segmented
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.scale import unit
from synthmed.fields import ImageField
from synthmed.training.records import read_done, save_weights
from synthmed.whole_files import write_json

WEIGHTS, RECORD = "weights.safetensors", "judge.json"
_FORMAT = 1
_AT_ONCE = 64
_SCORES: Mapping[str, Callable[[Corpus, Judge, int, int], Judged | str]] = {
    "classification": classified,
    "segmentation": segmented,
    "detection": detected,
}


@dataclass
class TrainedJudge:
    """A `synthmed.evaluation.agreement.protocol.Judge`.

    Attributes:
        stored: how the image of its training rows is stored; it is given pixels in that unit.
        real: its own score on real rows that it was not trained on, by `synthmed.evaluation.agreement.tasks`.
        digest: sha256 of its weights and of what it was trained and scored on.
    """

    question: Task
    net: nn.Module
    stored: ImageField
    real: float | None = None
    digest: str = ""
    task: Literal["classification", "segmentation", "detection"] = field(init=False)
    image: str = field(init=False)
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.task, self.image, self.names = self.question.kind, self.question.image, self.question.names

    @torch.inference_mode()
    def __call__(self, pixels: npt.NDArray[np.float32]) -> Any:
        """(n, C, H, W) pixels in the field's unit to scores (n, names), label maps (n, H, W), or boxes with scores."""
        images = torch.from_numpy(unit(self.stored, pixels))
        parts = [self.question.predict(self.net, part) for part in images.split(_AT_ONCE)]
        if isinstance(self.question, Detection):
            rows = [row for part in parts for row in part if isinstance(row, Boxes)]
            return [as_boxes(row, self.question) for row in rows]
        return np.concatenate([np.asarray(part) for part in parts])


def trained_judge(
    folder: Path,
    task: Task,
    train: Corpus,
    test: Corpus,
    settings: FitSettings,
    seed: int = 0,
    on_step: Callable[[int], None] = lambda step: None,
) -> TrainedJudge:
    """The judge of a folder of its own, trained now if the folder has none.

    Args:
        train, test: real rows of different patients; the second give `TrainedJudge.real`.
        on_step: see `fit`.

    Raises:
        UserError: the folder's judge is of other rows, settings or another task, or is damaged; or the rows cannot be
            used, see `read_rows`.
    """
    wanted = identity(task, train, test, settings, seed)
    stored = train.images[task.image]
    net = task.build(stored.channels, 0)
    kept = read_done(folder, RECORD, keys=("identity", "real", "weights"))
    if kept is not None:
        _load(net, folder, kept, wanted)
        return TrainedJudge(task, net.eval(), stored, kept["real"], _of(kept))
    rows = read_rows(train, task)
    # The arm of real rows alone, as a benchmark trains it.
    asked = task.fitted(rows.truth)
    net = fit(asked, asked.build(stored.channels, seed), [Source(rows)], settings, seed, on_step=on_step)
    judge = TrainedJudge(task, net.cpu(), stored)
    judge.real = _real(judge, test, seed)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(folder / WEIGHTS, net.state_dict())
    record = {"identity": wanted, "real": judge.real, "weights": _digest(folder / WEIGHTS)}
    write_json(folder / RECORD, record)
    judge.digest = _of(record)
    return judge


def identity(task: Task, train: Corpus, test: Corpus, settings: FitSettings, seed: int) -> dict[str, Any]:
    """What a judge is of, as JSON: with the same there is no need to train it again.

    Raises:
        UserError: the rows have no such image.
    """
    if task.image not in train.images:
        raise UserError(f"{train.name}: has no image {task.image!r}")
    wanted: dict[str, Any] = {
        "format": _FORMAT,
        "task": asdict(task),
        "field": asdict(train.images[task.image]),
        "settings": settings.model_dump(exclude={"device"}),
        "seed": seed,
        "train": train.digest,
        "test": test.digest,
    }
    plain: dict[str, Any] = json.loads(json.dumps(wanted))  # tuples become the lists that a reader gets
    return plain


def _load(net: nn.Module, folder: Path, kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    identity = kept["identity"] if isinstance(kept["identity"], dict) else {}
    if changed := [key for key in wanted if identity.get(key) != wanted[key]]:
        raise UserError(f"{folder}: its judge is of other {', '.join(changed)}; name another folder")
    path = folder / WEIGHTS
    try:
        if _digest(path) != kept["weights"]:
            raise ValueError("not the weights that were written")
        net.load_state_dict(load_file(path))
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); remove the folder to train again") from None


def _real(judge: TrainedJudge, test: Corpus, seed: int) -> float | None:
    if judge.image not in test.images:
        return None
    found = _SCORES[judge.task](test, judge, len(test), seed)
    if isinstance(found, str):
        return None
    value = found.score(np.arange(found.n))
    return None if np.isnan(value) else float(value)


def _of(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
