"""A task that is learnt in milliseconds: is an image bright?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from synthmed.downstream.rows import Rows
from synthmed.downstream.seeds import seeded
from synthmed.downstream.truth import Batch, Truth
from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.fields import ImageField


@dataclass(frozen=True)
class Bright:
    """`synthmed.downstream.tasks.task.Task`; ``seen`` has the first pixel of every row of every batch it was given."""

    image: str = "xray"
    names: tuple[str, ...] = ("bright",)
    bar: float = 0.9
    kind: Literal["classification"] = "classification"
    primary: str = "accuracy"
    chance: float = 0.5
    seen: list[list[float]] = field(default_factory=list, compare=False)
    built: list[float] = field(default_factory=list, compare=False)

    def check(self, stored: ImageField) -> None: ...

    def usable(self, facts: Facts) -> bool:
        return bool(facts.labels)

    def truth(self, corpus: Corpus, places: Sequence[int]) -> Truth:
        return np.array([["bright" in facts.labels] for facts in corpus.facts(places)], np.uint8)

    def presence(self, truth: Truth) -> np.ndarray:
        return np.asarray(truth) > 0

    def fitted(self, truth: Truth) -> Bright:
        return self

    def build(self, channels: int, seed: int) -> nn.Module:
        with seeded(seed):
            net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1))
        self.built.append(net[2].weight.sum().item())
        return net

    def loss(self, net: nn.Module, batch: Batch) -> torch.Tensor:
        self.seen.append(batch.images[:, 0, 0, 0].tolist())
        return nn.functional.binary_cross_entropy_with_logits(net(batch.images * 8 - 4), batch.truth)

    def predict(self, net: nn.Module, images: torch.Tensor) -> Truth:
        return net(images * 8 - 4).sigmoid().numpy()

    def score(self, predictions: Truth, truth: Truth) -> Mapping[str, float]:
        return {"accuracy": float(((np.asarray(predictions) > 0.5) == np.asarray(truth)).mean())}


def flat(levels: Sequence[float], patients: Sequence[str] = (), attributes: Sequence[Mapping[str, Any]] = ()) -> Rows:
    """Rows of one grey level each, bright above 0.5."""
    pixels = np.repeat(np.asarray(levels, np.float16), 16).reshape(-1, 1, 4, 4)
    n = len(levels)
    truth = (np.asarray(levels)[:, None] > 0.5).astype(np.uint8)
    return Rows(pixels, truth, tuple(patients) or ("",) * n, tuple(attributes) or ({},) * n, f"{list(levels)}")
