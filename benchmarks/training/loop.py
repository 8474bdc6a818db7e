"""Steps a second of the training loop against a hand-written diffusers loop on the same network and data.

    python benchmarks/training/loop.py

Both train diffusers' `UNet2DModel` to predict the noise of in-memory latents, with AdamW, clipping, a cosine schedule
and an average of the weights, in fp32. The hand-written one is diffusers' examples/unconditional_image_generation, on
one device, without accelerate: torch's DataLoader, AdamW as its constructor makes it, diffusers' EMAModel. Ours also
seeds every step, checks each loss, and logs. The runs alternate; the first steps of each are not counted, nor is the
last checkpoint. Prints a line of JSON a pair and the median ratio of steps/s, ours to theirs; exits 1 below 1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.optimization import get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel
from torch import nn
from torch.utils.data import DataLoader, Dataset

from synthmed.training.loop import train
from synthmed.training.settings import Settings

BATCH = 16
WARM = 5
"""Steps before the clock starts."""


class Latents(Dataset[torch.Tensor]):
    """(4, 16, 16) latents in memory, read a batch at a time by both loops."""

    def __init__(self, count: int = 1024) -> None:
        self.values = torch.randn(count, 4, 16, 16, generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.values[index]

    def __getitems__(self, indices: list[int]) -> torch.Tensor:
        return self.values[indices]


class Denoising(nn.Module):
    """The objective: eq. 14 of Ho et al. (https://arxiv.org/abs/2006.11239)."""

    def __init__(self) -> None:
        super().__init__()
        self.trained = nn.ModuleDict({"unet": network()})
        self.scheduler = DDPMScheduler()

    def forward(self, batch: torch.Tensor, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
        noise = torch.randn(batch.shape, generator=generator)
        time_steps = torch.randint(0, 1000, (len(batch),), generator=generator)
        noisy = self.scheduler.add_noise(batch, noise, time_steps)
        return {"loss": nn.functional.mse_loss(self.trained["unet"](noisy, time_steps).sample, noise)}


def network() -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(64, 128),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )


def as_it_is(batch: torch.Tensor) -> torch.Tensor:
    return batch


def ours(data: Latents, steps: int) -> float:
    marks: dict[int, float] = {}
    settings = Settings(
        steps=steps + WARM,
        batch_size=BATCH,
        schedule="cosine",
        warmup_steps=2,
        checkpoint_every=10**6,
        log_every=10,
    )
    with tempfile.TemporaryDirectory() as folder:

        def mark(step: int, losses: Mapping[str, float]) -> None:
            marks[step] = time.perf_counter()

        train(Denoising(), data, settings, Path(folder), collate=as_it_is, on_step=mark)
    return steps / (marks[steps + WARM] - marks[WARM])


def theirs(data: Latents, steps: int) -> float:
    unet, scheduler = network(), DDPMScheduler()
    ema = EMAModel(unet.parameters(), decay=0.999)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-4, weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimizer, 2, steps + WARM)
    loader: DataLoader[Any] = DataLoader(data, BATCH, shuffle=True, drop_last=True, collate_fn=as_it_is)
    batches = iter(loader)
    started = 0.0
    for step in range(steps + WARM):
        if step == WARM:
            started = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            batches = iter(loader)
            batch = next(batches)
        noise = torch.randn_like(batch)
        time_steps = torch.randint(0, 1000, (len(batch),))
        noisy = scheduler.add_noise(batch, noise, time_steps)
        loss = nn.functional.mse_loss(unet(noisy, time_steps).sample, noise)
        loss.backward()
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        ema.step(unet.parameters())
        loss.detach().item()  # as the example logs it, each step
    return steps / (time.perf_counter() - started)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    data = Latents()
    ratios = []
    for pair in range(arguments.pairs):
        runs = (ours, theirs) if pair % 2 == 0 else (theirs, ours)
        rates = {run.__name__: run(data, arguments.steps) for run in runs}
        ratios.append(rates["ours"] / rates["theirs"])
        print(json.dumps({name: round(rate, 3) for name, rate in rates.items()} | {"ratio": round(ratios[-1], 4)}))
    ratio = statistics.median(ratios)
    print(f"median ratio of {len(ratios)} pairs: {ratio:.3f} ({min(ratios):.3f} to {max(ratios):.3f}); at least 1")
    return int(ratio < 1)


if __name__ == "__main__":
    sys.exit(main())
