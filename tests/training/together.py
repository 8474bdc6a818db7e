"""What two processes compute together: ``torchrun --nproc-per-node 2 -m training.together FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from training.toy import Denoiser, Quiet, contents, images, settings

from synthmed.training.distributed import gather
from synthmed.training.loop import train


class Contrast(nn.Module):
    """InfoNCE over the whole batch; each process sees a part of it."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            self.trained = nn.ModuleDict({"a": nn.Linear(5, 4), "b": nn.Linear(5, 4), "unused": nn.Linear(1, 1)})

    def forward(self, batch: torch.Tensor, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
        a, b = (gather(normalize(self.trained[name](batch), dim=1)) for name in "ab")
        logits = a @ b.T / 0.2
        target = torch.arange(len(logits))
        return {"loss": (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2}


ROWS = list(torch.randn(24, 5, generator=torch.Generator().manual_seed(4)))


def all_of_them(folder: Path) -> None:
    """The first ones draw nothing, two stages of one objective among them; the last is stopped, and goes on."""
    wanted = settings(batch_size=8, accumulate=1, weight_decay=0.1, steps=20)
    twice = Quiet()
    train(twice, ROWS, wanted.model_copy(update={"accumulate": 2}), folder / "first")
    train(twice, ROWS, wanted, folder / "quiet")
    train(Contrast(), ROWS, wanted, folder / "contrast")
    train(Denoiser(dropout=0.5), images(), wanted, folder / "whole")
    asked = iter([False] * 5 + [True])
    outcome = train(Denoiser(dropout=0.5), images(), wanted, folder / "resumed", stop=lambda: next(asked))
    assert outcome.step == 6
    assert train(Denoiser(dropout=0.5), images(), wanted, folder / "resumed").finished
    assert contents(folder / "resumed") == contents(folder / "whole")


if __name__ == "__main__":
    all_of_them(Path(sys.argv[1]))
