"""Memory and time of Med-Art's colour step, with checkpoints and without.

    OMP_NUM_THREADS=1 python benchmarks/medart/hldf_memory.py

The networks: PixArt of 12 layers × 256 channels on 8 × 16 × 16 latents (64 tokens), a T5 encoder of 6 layers × 160 on
120 tokens, LoRA of rank 8 on both, a `LightAutoencoder` of 128 px; random weights, fp32, colour batch 1, guidance 4.5
in one call. Each row is a fresh process, which prints a line of JSON:

- ``saved_mib``: what the forward pass leaves for the backward pass, by `torch.autograd.graph.saved_tensors_hooks`; each
  storage once, without weights;
- ``live_mib``: the most that tensors held at any moment of both passes, above what they held before;
- ``rss_mib``: the process' peak resident set, and ``rise_mib``: that above what it had before the step.

Then the time of the step with a colour loss and of the step without, in one process, alternating, and from the medians
what the colour loss adds at N = 500. Exits 1 if M = 40 needs over 5 % more than M = 5 under checkpoints, by any of the
first three; if memory without checkpoints does not grow linearly; or if the time is above 10 %.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
import weakref
from typing import Any

import psutil
import torch
from diffusers import DPMSolverMultistepScheduler, PixArtTransformer2DModel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from transformers import T5Config, T5EncoderModel

from synthmed.medart.hldf.colour import ColourStep
from synthmed.medart.hldf.objective import MedArtObjective
from synthmed.medart.lora import LoraSpec, add_adapter
from synthmed.models.autoencoder import LightAutoencoder
from synthmed.training.objective import set_training

MIB = 2**20
LENGTH = 120
CHECKPOINTED, PLAIN = (5, 20, 40), (5, 10, 20, 40)


class Live(TorchDispatchMode):
    """The most bytes that tensors made inside held at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in tree_iter(out):
            if isinstance(value, torch.Tensor):
                self._add(value.untyped_storage())
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place in self.known:
            return
        self.known.add(place)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._remove, place, size)

    def _remove(self, place: int, size: int) -> None:
        self.known.discard(place)
        self.now -= size


def make(colour: ColourStep) -> MedArtObjective:
    torch.manual_seed(0)
    transformer = PixArtTransformer2DModel(
        num_attention_heads=8,
        attention_head_dim=32,
        cross_attention_dim=256,
        num_layers=12,
        in_channels=8,
        out_channels=16,
        sample_size=16,
        caption_channels=160,
    )
    text = T5Config(
        vocab_size=2048, d_model=160, d_kv=32, num_heads=5, num_layers=6, d_ff=400, feed_forward_proj="gated-gelu"
    )
    objective = MedArtObjective(
        add_adapter(transformer, LoraSpec()),
        add_adapter(T5EncoderModel(text), LoraSpec()),
        LightAutoencoder(in_channels=3),
        DPMSolverMultistepScheduler(),
        torch.tensor([[1] + [0] * (LENGTH - 1)]),
        torch.tensor([[1] + [0] * (LENGTH - 1)]),
        colour,
    )
    set_training(objective)
    return objective


def batch(size: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "ids": torch.randint(2, 2048, (size, LENGTH), generator=generator),
        "mask": torch.ones(size, LENGTH, dtype=torch.int64),
        "posterior": torch.randn(size, 16, 16, 16, generator=generator),
        "colours": torch.rand(size, 2, 3, generator=generator),
    }


def colour_loss(objective: MedArtObjective, data: dict[str, torch.Tensor]) -> torch.Tensor:
    return objective._colour(data, data["posterior"][:, :8], torch.Generator().manual_seed(2))


def saved(objective: MedArtObjective, data: dict[str, torch.Tensor]) -> int:
    """Bytes that the forward pass leaves."""
    weights = {value.untyped_storage().data_ptr() for value in (*objective.parameters(), *objective.buffers())}
    kept: dict[int, int] = {}

    def pack(value: torch.Tensor) -> torch.Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        loss = colour_loss(objective, data)
    assert loss.requires_grad
    return sum(kept.values())


def measure(steps: int, checkpoint: bool, what: str) -> dict[str, Any]:
    """One row's part, in this process."""
    objective, data = make(ColourStep(steps=steps, checkpoint=checkpoint)), batch(1)
    if what == "bytes":
        with Live() as live:
            colour_loss(objective, data).backward()
        return {"saved_mib": saved(objective, data) / MIB, "live_mib": live.most / MIB}
    # Once with a single step: what the libraries set up on their first call is not the step's.
    warm = objective.colour
    objective.colour = ColourStep(steps=1, checkpoint=checkpoint)
    colour_loss(objective, data).backward()
    objective.colour = warm
    before = psutil.Process().memory_info().rss
    colour_loss(objective, data).backward()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"rss_mib": peak / MIB, "rise_mib": (peak - before) / MIB}


def row(steps: int, checkpoint: bool) -> dict[str, Any]:
    """A row, in processes of its own."""
    values: dict[str, Any] = {"steps": steps, "checkpoint": checkpoint}
    for what in ("bytes", "rss"):
        command = [sys.executable, __file__, "--one", str(steps), str(int(checkpoint)), what]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        values |= {name: round(value, 1) for name, value in json.loads(printed.splitlines()[-1]).items()}
    print(json.dumps(values), flush=True)
    return values


def seconds(repeats: int, size: int) -> dict[str, float]:
    """Of a step with and without a colour loss, forward and backward, and what it adds at N = 500."""
    objective, data = make(ColourStep()), batch(size)
    times: dict[bool, list[float]] = {False: [], True: []}
    for repeat in range(repeats + 1):
        for coloured in (False, True):
            objective.begin_step(0 if coloured else 1)
            started = time.perf_counter()
            objective(data, torch.Generator().manual_seed(repeat))["loss"].backward()
            if repeat:  # the first pair warms up
                times[coloured].append(time.perf_counter() - started)
            objective.zero_grad()
    normal, coloured_step = (statistics.median(times[coloured]) for coloured in (False, True))
    return {
        "batch": size,
        "normal_s": round(normal, 3),
        "colour_s": round(coloured_step - normal, 3),
        "added_at_500_percent": round(100 * (coloured_step - normal) / (500 * normal), 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        steps, checkpoint, what = arguments.one
        print(json.dumps(measure(int(steps), checkpoint == "1", what)))
        return 0
    kept = {steps: row(steps, True) for steps in CHECKPOINTED}
    plain = {steps: row(steps, False) for steps in PLAIN}
    spent = seconds(arguments.repeats, arguments.batch)
    print(json.dumps(spent))
    growth = {name: kept[40][name] / kept[5][name] for name in ("saved_mib", "live_mib", "rss_mib")}
    slopes = [(plain[b]["live_mib"] - plain[a]["live_mib"]) / (b - a) for a, b in ((5, 10), (10, 20), (20, 40))]
    print(f"M = 40 to M = 5, checkpointed: { ({name: round(value, 3) for name, value in growth.items()}) }")
    print(f"without: MiB a further step {[round(slope, 2) for slope in slopes]}")
    linear = max(slopes) <= 1.05 * min(slopes)
    return int(max(growth.values()) > 1.05 or not linear or spent["added_at_500_percent"] > 10)


if __name__ == "__main__":
    sys.exit(main())
