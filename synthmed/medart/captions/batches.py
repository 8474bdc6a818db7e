"""Pictures in batches that survive a full memory and a bad picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from accelerate.utils import release_memory
from accelerate.utils.memory import should_reduce_batch_size

from synthmed.medart.captions.protocol import Failure

Ask = Callable[[Sequence[int]], list[str]]
"""Places of pictures → a text each; may raise anything."""


@dataclass
class Batches:
    """Asks for so many texts at once, for fewer once memory has run out.

    Attributes:
        size: at least 1; halved, for good, when a batch does not fit.
    """

    size: int

    def texts(self, ask: Ask, count: int) -> list[str | Failure]:
        """One text for each place below ``count``, or why there is none.

        Where a batch fails for another reason than memory, each of its pictures is asked for alone, so that only the
        bad one is lost.
        """
        texts: list[str | Failure] = []
        while len(texts) < count:
            places = range(len(texts), min(len(texts) + self.size, count))
            said = _attempt(ask, places)
            if isinstance(said, _Full):
                # Out of the except block the failed batch's tensors are free to go.
                release_memory()
                if len(places) > 1:
                    self.size = len(places) // 2
                else:
                    texts.append(Failure(said.reason))
            elif isinstance(said, Failure):
                texts += _alone(ask, places) if len(places) > 1 else [said]
            else:
                texts += said
        return texts


@dataclass(frozen=True)
class _Full:
    reason: str = "memory does not hold one picture and the model's answer; use a smaller model or another device"


def _attempt(ask: Ask, places: Sequence[int]) -> list[str] | Failure | _Full:
    try:
        return ask(places)
    except Exception as error:  # of whatever processor and model
        if isinstance(error, torch.OutOfMemoryError) or should_reduce_batch_size(error):
            return _Full()
        return Failure(" ".join(f"the model fails with {type(error).__name__}: {error}".split())[:200])


def _alone(ask: Ask, places: Sequence[int]) -> list[str | Failure]:
    texts: list[str | Failure] = []
    for place in places:
        said = _attempt(ask, [place])
        texts += said if isinstance(said, list) else [Failure(said.reason)]
    return texts
