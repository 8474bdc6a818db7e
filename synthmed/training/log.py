"""What a run tells on its way: log.jsonl, TensorBoard and other trackers, and sample pictures."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from PIL import Image

Picture = bytes | npt.NDArray[np.uint8]
"""A PNG, or (rows, columns, 3) uint8."""


class Log:
    """Averages between log points, and every place that they are written to. Only the main process writes.

    ``log.jsonl`` has an object a line: ``{"step": …, <losses>, "gradient_norm": …, "learning_rate": …,
    "samples_per_second": …}`` at log points, the values averaged over the steps since the last one (or since the
    resume) that had them, and over processes; ``{"step": …, "validation": {…}}``; ``null`` for a value that is not
    finite. Lines after ``step``, of a run that got further than its last checkpoint, are dropped.
    """

    def __init__(self, accelerator: Accelerator, folder: Path, step: int) -> None:
        self._accelerator = accelerator
        self._folder = folder
        self._file = folder / "log.jsonl"
        self._sums: dict[str, tuple[float, int]] = {}
        self._samples, self._seconds = 0, 0.0
        if accelerator.is_main_process:
            _truncate(self._file, step)
        run = {"tensorboard": {"purge_step": step + 1}, "wandb": {"name": folder.name, "dir": str(folder)}}
        accelerator.init_trackers("synthmed", init_kwargs=run)

    def add(self, values: Mapping[str, float], samples: int, seconds: float) -> None:
        """Take in one step: its values here, its samples in all processes, its time."""
        for name, value in values.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value, count + 1
        self._samples += samples
        self._seconds += seconds

    def point(self, step: int, learning_rate: float) -> dict[str, float]:
        """Write a log point and begin anew; gives the averages. All processes call it together."""
        names = sorted(self._sums)
        means = torch.tensor([self._sums[name][0] / self._sums[name][1] for name in names], dtype=torch.float64)
        if self._accelerator.num_processes > 1:
            # float32: not every device has float64.
            means = self._accelerator.reduce(means.float().to(self._accelerator.device), "mean").cpu()
        averages = dict(zip(names, means.tolist(), strict=True))
        rate = self._samples / max(self._seconds, 1e-9)
        values = {**averages, "learning_rate": learning_rate, "samples_per_second": round(rate, 3)}
        self._write({"step": step, **values})
        self._accelerator.log(values, step=step)
        self._sums, self._samples, self._seconds = {}, 0, 0.0
        return averages

    def validation(self, step: int, values: Mapping[str, float]) -> None:
        """Write validation values; trackers show them as ``validation/<name>``. In the main process alone."""
        self._write({"step": step, "validation": dict(values)})
        self._accelerator.log({f"validation/{name}": value for name, value in values.items()}, step=step)

    def pictures(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Write ``samples/step-00001000-<name>.png``, and into TensorBoard and W&B. In the main process alone."""
        folder = self._folder / "samples"
        folder.mkdir(exist_ok=True)
        for name, picture in pictures.items():
            array = _pixels(picture)
            Image.fromarray(array).save(folder / f"step-{step:08d}-{name.replace('/', '-')}.png")
            for tracker in self._accelerator.trackers:
                if tracker.name == "tensorboard":
                    tracker.log_images({f"samples/{name}": array[None]}, step, dataformats="NHWC")
                elif tracker.name == "wandb":
                    tracker.log_images({f"samples/{name}": [array]}, step)

    def close(self) -> None:
        """End the trackers; the process group lives on for the next stage."""
        for tracker in self._accelerator.trackers:
            tracker.finish()

    def _write(self, line: dict[str, Any]) -> None:
        if self._accelerator.is_main_process:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(_finite(line)) + "\n")


def _truncate(file: Path, step: int) -> None:
    """Keep the whole lines up to a step."""
    if not file.exists():
        return
    kept = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        try:
            if line.endswith("\n") and json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            continue
    temporary = file.with_suffix(".tmp")
    temporary.write_text("".join(kept), encoding="utf-8")
    temporary.replace(file)


def _finite(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return value if not isinstance(value, float) or math.isfinite(value) else None


def _pixels(picture: Picture) -> npt.NDArray[np.uint8]:
    if isinstance(picture, bytes):
        return np.asarray(Image.open(io.BytesIO(picture), formats=["PNG"]).convert("RGB"))
    return picture
