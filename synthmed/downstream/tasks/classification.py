"""Classification: which findings, or which one class, an image shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from synthmed.downstream.seeds import seeded
from synthmed.downstream.truth import Batch, Truth
from synthmed.errors import UserError
from synthmed.evaluation.agreement.scores import auroc
from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.fields import ImageField
from synthmed.sample import NOT_STATED

LEAST = 5
"""Rows with a label, and rows without it, that an AUROC of it needs."""
_HEAVIEST = 20.0


@dataclass(frozen=True)
class Classification:
    """Labels of an image, several at once (sigmoid) or exactly one (softmax).

    Labels are those that can be seen in the image where rows say so, else the patient's. Rows whose labels nobody has
    stated are left out. Rare labels weigh more in the loss, at most 20 times: by (1 - p) / p of the real training rows
    for sigmoids, by 1 / (classes p) for the softmax.

    Attributes:
        exclusive: every row has exactly one of the names.
        network: MONAI's DenseNet121 (7 M parameters), or ``small``, a DenseNet of 15 blocks (0.14 M) for images up to
            about 128 pixels.
        weights: by name; see `fitted`.
    """

    image: str
    names: tuple[str, ...]
    exclusive: bool = False
    network: Literal["small", "densenet121"] = "small"
    weights: tuple[float, ...] = ()
    bar: float = 0.9

    kind: Literal["classification"] = field(default="classification", init=False)
    primary: str = field(default="auroc", init=False)
    chance: float = field(default=0.5, init=False)

    def check(self, stored: ImageField) -> None:
        """Any image will do; at least two exclusive names, or one label."""
        if len(self.names) < 1 + self.exclusive:
            raise UserError(f"classification of {self.image}: names {list(self.names)}; give what is told apart")

    def usable(self, facts: Facts) -> bool:
        """Whether labels are stated; with exclusive names, whether there is one of them."""
        labels = self._labels(facts)
        if not self.exclusive:
            return bool(labels) and NOT_STATED not in labels
        return any(name in labels for name in self.names)

    def truth(self, corpus: Corpus, places: Sequence[int]) -> Truth:
        """(n, names) uint8, 1 for a label that the row has.

        Raises:
            UserError: a row has two of the exclusive names.
        """
        facts = corpus.facts(places)
        known = np.array([[name in self._labels(one) for name in self.names] for one in facts], np.uint8)
        known = known.reshape(-1, len(self.names))
        if self.exclusive and (wrong := np.flatnonzero(known.sum(1) != 1)).size:
            row = facts[int(wrong[0])]
            raise UserError(
                f"{corpus.name}: {row.key} has {known[wrong[0]].sum()} of the classes {', '.join(self.names)}; "
                "exclusive classes need one each: set exclusive: false, or mend the labels"
            )
        return known

    def presence(self, truth: Truth) -> npt.NDArray[np.bool_]:
        """(n, names): the labels themselves."""
        return np.asarray(truth) > 0

    def fitted(self, truth: Truth) -> Classification:
        """With the weights of rare labels, from the rows' shares p."""
        share = np.clip(np.asarray(truth).mean(0, dtype=float), 1e-6, 1 - 1e-6)
        weights = 1 / (len(self.names) * share) if self.exclusive else (1 - share) / share
        return replace(self, weights=tuple(float(weight) for weight in np.minimum(weights, _HEAVIEST)))

    def build(self, channels: int, seed: int) -> nn.Module:
        """One logit a name."""
        from monai.networks.nets import DenseNet, DenseNet121

        with seeded(seed):
            if self.network == "densenet121":
                return DenseNet121(2, channels, len(self.names))
            return DenseNet(2, channels, len(self.names), init_features=24, growth_rate=12, block_config=(3, 6, 6))

    def loss(self, net: nn.Module, batch: Batch) -> torch.Tensor:
        """Weighted cross-entropy, of one softmax or of a sigmoid a name."""
        logits = net(batch.images * 2 - 1)
        if not isinstance(batch.truth, torch.Tensor):
            raise ValueError("a classification's batch has labels (n, names)")
        weights = torch.tensor(self.weights, device=logits.device) if self.weights else None
        if self.exclusive:
            return nn.functional.cross_entropy(logits, batch.truth.argmax(1), weight=weights)
        return nn.functional.binary_cross_entropy_with_logits(logits, batch.truth, pos_weight=weights)

    def predict(self, net: nn.Module, images: torch.Tensor) -> Truth:
        """(n, names) float32 probabilities."""
        logits = net(images * 2 - 1)
        scores: npt.NDArray[np.float32] = (logits.softmax(1) if self.exclusive else logits.sigmoid()).cpu().numpy()
        return scores

    def score(self, predictions: Truth, truth: Truth) -> Mapping[str, float]:
        """Macro AUROC and balanced accuracy, and both by name.

        A name with fewer than `LEAST` rows that have it, or that do not, has no figures and no part in the means. The
        balanced accuracy of exclusive names is the mean recall of the most probable class over the classes that there
        are; of labels, the mean over names of the mean of sensitivity and specificity at 0.5.
        """
        known, said = np.asarray(truth) > 0, np.asarray(predictions)
        counts = known.sum(0)
        kept = [place for place, count in enumerate(counts) if LEAST <= count <= len(known) - LEAST]
        areas = auroc(said, known)
        chosen = said.argmax(1)[:, None] == np.arange(len(self.names)) if self.exclusive else said > 0.5
        found: dict[str, float] = {}
        for place in kept:
            name, has = self.names[place], known[:, place]
            found[f"auroc/{name}"] = float(areas[place])
            sensitivity, specificity = chosen[has, place].mean(), 1 - chosen[~has, place].mean()
            right = sensitivity if self.exclusive else (sensitivity + specificity) / 2
            found[f"{'recall' if self.exclusive else 'balanced_accuracy'}/{name}"] = float(right)
        macro = [value for key, value in found.items() if key.startswith("auroc/")]
        others = [value for key, value in found.items() if not key.startswith("auroc/")]
        return {"auroc": _mean(macro), "balanced_accuracy": _mean(others), **found}

    def _labels(self, facts: Facts) -> tuple[str, ...]:
        return facts.labels_by_image.get(self.image, facts.labels)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
