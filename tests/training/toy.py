"""A stage small enough to train in a second, with everything random that a real one has.

As a program: ``python -m training.toy FOLDER STEPS WORKERS`` trains it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchio
from monai.data import Dataset
from monai.transforms import Compose, EnsureChannelFirst, RandFlip, RandGaussianNoise, RandScaleIntensity
from safetensors.torch import load_file
from torch import nn

from synthmed.training.loop import Outcome, train
from synthmed.training.settings import Settings


class Denoiser(nn.Module):
    """A network with dropout and batch statistics beside a frozen one."""

    def __init__(self, seed: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = nn.Sequential(
                nn.Conv2d(1, 6, 3, padding=1),
                nn.BatchNorm2d(6),
                nn.SiLU(),
                nn.Dropout(dropout),
                nn.Conv2d(6, 1, 3, padding=1),
            )
            self.trained = nn.ModuleDict({"net": net, "frozen": nn.Conv2d(1, 1, 3, padding=1)})
        self.trained["frozen"].requires_grad_(False)

    def forward(self, batch: torch.Tensor, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
        clean = torch.as_tensor(batch).as_subclass(torch.Tensor)
        noise = torch.randn(clean.shape, generator=generator)
        shift = self.trained["frozen"](clean)
        guess = self.trained["net"](clean + noise) + shift
        return {"loss": (guess - noise).square().mean(), "shift": shift.abs().mean()}


class Quiet(nn.Module):
    """Draws nothing: the same weights from the same batches, however these are divided."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.trained = nn.ModuleDict({"net": nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))})

    def forward(self, batch: torch.Tensor, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
        return {"loss": (self.trained["net"](batch) - batch[:, :3].sin()).square().mean()}


def images(count: int = 10) -> Dataset:
    """Random pictures behind MONAI's and torchio's random transforms."""
    pictures = torch.rand(count, 8, 8, generator=torch.Generator().manual_seed(3))
    transform = Compose(
        [
            EnsureChannelFirst(channel_dim="no_channel"),
            RandFlip(0.5, spatial_axis=1),
            RandGaussianNoise(0.7, std=0.1),
            RandScaleIntensity(0.3, prob=0.5),
            lambda image: torchio.RandomNoise(std=(0, 0.1))(image[..., None].as_tensor())[..., 0],
        ]
    )
    return Dataset(list(pictures), transform)


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "steps": 12,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "warmup_steps": 2,
        "schedule": "cosine",
        "clip_norm": 0.5,
        "ema_decay": 0.9,
        "accumulate": 2,
        "seed": 5,
        "checkpoint_every": 4,
        "log_every": 3,
    }
    return Settings(**{**values, **changes})


def run(folder: Path, **changes: Any) -> Outcome:
    callbacks = {name: changes.pop(name) for name in ("stop", "on_step", "fingerprint") if name in changes}
    return train(Denoiser(), images(), settings(**changes), folder, **callbacks)


def contents(folder: Path) -> dict[str, bytes]:
    """Name to bytes of every tensor of the newest checkpoint."""
    newest = sorted((folder / "checkpoints").glob("step-*[0-9]"))[-1]
    return {
        f"{file.name}/{name}": tensor.numpy().tobytes()
        for file in sorted(newest.glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


if __name__ == "__main__":
    run(
        Path(sys.argv[1]),
        steps=int(sys.argv[2]),
        loader_workers=int(sys.argv[3]),
        checkpoint_every=5,
        warmup_steps=7,
        log_every=20,
    )
