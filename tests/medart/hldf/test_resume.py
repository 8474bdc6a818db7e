"""Every N steps is every N steps of the run, however often it is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from medart.hldf.test_objective import batch, make
from training.toy import contents

from synthmed.medart.hldf.colour import ColourStep
from synthmed.training.loop import train
from synthmed.training.settings import Settings


class Rows(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Six images with captions."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        return {name: values[i] for name, values in batch(6).items()}


def run(folder: Path, stops: tuple[int, ...]) -> list[tuple[int, bool]]:
    """Train in as many pieces as there are stops: each step, and whether it had a colour loss."""
    done: list[tuple[int, bool]] = []

    def on_step(step: int, losses: Mapping[str, float]) -> None:
        done.append((step, "colour" in losses))

    settings = Settings(
        steps=8, batch_size=2, learning_rate=1e-2, accumulate=2, checkpoint_every=100, log_every=100, seed=1
    )
    for last in stops:
        objective = make(ColourStep(every=3, steps=2))
        outcome = train(
            objective, Rows(), settings, folder, on_step=on_step, stop=lambda last=last: done[-1][0] == last
        )
        assert outcome.step == last
    return done


def test_stopped_and_resumed_is_bit_equal(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", (8,))
    pieces = run(tmp_path / "pieces", (2, 3, 5, 8))
    assert [step - 1 for step, coloured in whole if coloured] == [0, 3, 6]
    assert pieces == whole
    assert contents(tmp_path / "pieces") == contents(tmp_path / "whole")
