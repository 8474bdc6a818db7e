"""The moving average of the trained weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


def ema_decay(decay: float, update: int) -> float:
    """The decay of the ``update``-th update, counted from 1: 0 at first, then min(decay, update / (9 + update)).

    The warm-up of diffusers' `EMAModel` (and of TensorFlow's ExponentialMovingAverage), so that the first weights are
    soon forgotten.
    """
    return 0.0 if update <= 1 else min(decay, update / (9 + update))


class Ema:
    """float32 copies that follow the parameters: average += (1 - decay) (parameter - average).

    diffusers' `EMAModel` computes the same; this one knows the parameters' names, keeps float32 whatever they are, and
    needs one operation an update in place of two and a copy.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay = decay
        self._parameters = dict(parameters)
        self.averages = {name: value.detach().float().clone() for name, value in self._parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters after the ``step``-th optimiser step, counted from 1."""
        weight = 1 - ema_decay(self.decay, step)
        values = [value.detach().float() for value in self._parameters.values()]
        torch._foreach_lerp_(list(self.averages.values()), values, weight)

    @torch.no_grad()
    def load(self, averages: Mapping[str, torch.Tensor]) -> None:
        """Take over stored averages of the same names."""
        for name, average in self.averages.items():
            average.copy_(averages[name])

    @torch.no_grad()
    def apply(self) -> None:
        """Put the averages into the parameters."""
        for name, value in self._parameters.items():
            value.copy_(self.averages[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The averages in the parameters' place for a while."""
        kept = [value.detach().clone() for value in self._parameters.values()]
        self.apply()
        try:
            yield
        finally:
            with torch.no_grad():
                for value, own in zip(self._parameters.values(), kept, strict=True):
                    value.copy_(own)
