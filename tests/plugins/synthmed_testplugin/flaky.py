"""A generator that goes wrong on demand: its config says at which sample, how, and how often."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthmed.fields import ImageField, Layout
from synthmed.load import read_config
from synthmed.protocols import Request, Task
from synthmed.sample import Sample


class Flaky:
    """``fault``: kill, raise, full, flat or slow; ``times``: how often, counted by files in the model's folder."""

    summary = "a generator that fails on demand, for tests"
    tasks = (Task(frozenset(), frozenset({"xray"}), frozenset({"labels", "xray"})),)
    default_to = ("xray",)
    labels = ("nodule",)
    attributes: Mapping[str, Any] = {}
    packages = ()
    sampler: Mapping[str, Any] = {}
    batch_size = 2
    pairing = "anatomy"

    def __init__(self, folder: Path | None = None, fault: str = "", times: int = 0) -> None:
        self.folder, self.fault, self.times = folder, fault, times
        self.source = str(folder) if folder else "flaky"
        self.fingerprint = "f" * 64

    @classmethod
    def from_pretrained(cls, folder: Path) -> Flaky:
        """Read ``config.json``."""
        config = read_config(folder)
        return cls(folder, config["fault"], config["times"])

    def layout(self, to: Sequence[str]) -> Layout:
        """One X-ray and no report."""
        return Layout({"xray": ImageField.of("xray")}, report=False)

    def prompt(self, given: Mapping[str, Any]) -> str:
        """The labels, joined."""
        return ", ".join(given.get("labels", ()))

    def render(self, requests: Sequence[Request], seeds: Sequence[int]) -> list[Sample]:
        """Noise from the seed; the fault where a batch's first seed is a multiple of 8."""
        if self.fault and seeds[0] % 8 == 0:
            self._fail()
        samples = []
        for seed in seeds:
            image = np.random.default_rng(seed).random((1, 6, 9), dtype=np.float32)
            flat = self.fault == "flat" and seed % 3 == 0
            samples.append(
                Sample(
                    images={"xray": np.full_like(image, 0.5) if flat else image},
                    labels_by_image={"xray": ["no finding"]},
                )
            )
        return samples

    def _fail(self) -> None:
        if self.fault == "slow":
            time.sleep(0.2)
            return
        if self.fault == "flat" or self.folder is None or len(list(self.folder.glob("fault-*"))) >= self.times:
            return
        (self.folder / f"fault-{os.getpid()}-{time.monotonic_ns()}").touch()
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise RuntimeError("a fault\nof two lines")
