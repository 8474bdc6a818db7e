"""What the proofs share: the phantom's rows, judges trained on real rows alone, intervals, pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import DenseNet, UNet
from sklearn.metrics import roc_auc_score
from torch import nn

from synthmed import SyntheticDataset
from synthmed.medm2g.config import SamplerConfig
from synthmed.medm2g.model import MedM2G
from synthmed.phantom.parse import parse_labels
from synthmed.report.grid import contact_sheet, grey_levels
from synthmed.sample import Sample

BATCH = 64
ORGANS = ("lung", "heart", "mediastinum", "bone", "liver", "body")


def rows(folder: Path, n: int | None = None) -> list[Sample]:
    data = SyntheticDataset.from_shards(folder)
    return [data.sample(index) for index in range(min(n or len(data), len(data)))]


def guided(model: MedM2G, guidance: float | None) -> MedM2G:
    """The model, with another scale of guidance than its own if one is named."""
    if guidance is not None:
        sampler = SamplerConfig(**{**model.config.sampler.model_dump(), "guidance": guidance})
        model.config = model.config.model_copy(update={"sampler": sampler})
    return model


def pixels(samples: Sequence[Sample], name: str) -> torch.Tensor:
    """(n, 1, H, W) in [-1, 1]; CT over [-1000, 400] HU, as the model has it."""
    values = torch.from_numpy(np.stack([sample.images[name] for sample in samples]))
    return ((values + 1000) / 1400).clamp(0, 1) * 2 - 1 if name == "ct" else values * 2 - 1


def truth(samples: Sequence[Sample], name: str, labels: Sequence[str]) -> np.ndarray:
    """(n, labels): which findings can be seen in that image."""
    return np.array([[label in sample.labels_by_image[name] for label in labels] for sample in samples], int)


def classifier_net(channels: int, labels: int) -> nn.Module:
    return DenseNet(2, channels, labels, init_features=24, growth_rate=12, block_config=(3, 6, 6))


def segmenter_net(channels: int, classes: int) -> nn.Module:
    return UNet(2, channels, classes, (16, 32, 64, 128), (2, 2, 2), num_res_units=1)


def classifier(images: torch.Tensor, labels: np.ndarray, steps: int, seed: int = 0) -> nn.Module:
    """A small DenseNet (MONAI), one logit a finding; small shifts are its only augmentation."""
    torch.manual_seed(seed)
    net = classifier_net(images.shape[1], labels.shape[1])
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    targets = torch.from_numpy(labels).float()
    weight = ((1 - targets.mean(0)) / targets.mean(0).clamp(min=1e-3)).clamp(max=20)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        chosen = torch.from_numpy(rng.integers(0, len(images), BATCH))
        shift = [int(value) for value in rng.integers(-3, 4, 2)]
        batch = torch.roll(images[chosen], shift, (2, 3))
        loss = nn.functional.binary_cross_entropy_with_logits(net(batch), targets[chosen], pos_weight=weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def segmenter(images: torch.Tensor, masks: torch.Tensor, classes: int, steps: int, seed: int = 0) -> nn.Module:
    """A small UNet (MONAI) for label maps (n, 1, H, W)."""
    torch.manual_seed(seed)
    net = segmenter_net(images.shape[1], classes)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        chosen = torch.from_numpy(rng.integers(0, len(images), 32))
        loss = loss_of(net(images[chosen]), masks[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def scores(net: nn.Module, images: torch.Tensor) -> np.ndarray:
    """(n, …) outputs, in batches."""
    return np.concatenate([net(images[start : start + 256]).numpy() for start in range(0, len(images), 256)])


def macro_auroc(known: np.ndarray, score: np.ndarray) -> float:
    """Over the findings that both classes have at least five rows of."""
    kept = [i for i in range(known.shape[1]) if 5 <= known[:, i].sum() <= len(known) - 5]
    return float(np.mean([roc_auc_score(known[:, i], score[:, i]) for i in kept]))


def auroc_ratio(known: np.ndarray, made: np.ndarray, real: np.ndarray) -> float:
    """(made - 0.5) / (real - 0.5) of the scores' macro AUROC: how much of a finding that can be seen is made."""
    return (macro_auroc(known, made) - 0.5) / (macro_auroc(known, real) - 0.5)


def parsed(reports: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """(n, labels): which findings the phantom's parser reads in the reports."""
    return np.array([[label in parse_labels(report) for label in labels] for report in reports], int)


def micro_f1(known: np.ndarray, said: np.ndarray) -> float:
    """2 hits / (known + said), over all labels of (n, labels)."""
    return float(2 * (known & said).sum() / max(int(known.sum() + said.sum()), 1))


def best_constant(known: np.ndarray) -> np.ndarray:
    """(labels,) the one answer to all rows of (n, labels) with the best micro F1.

    Of all answers with k labels the one with the k commonest has the most hits, so that those are enough to look at.
    """
    order = known.sum(0).argsort()[::-1]
    answers = np.zeros((known.shape[1], known.shape[1]), int)
    for k, answer in enumerate(answers, 1):
        answer[order[:k]] = 1
    return max(answers, key=lambda answer: micro_f1(known, np.tile(answer, (len(known), 1))))


def organ_dice(one: np.ndarray, other: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(n,) mean Dice of label maps (n, H, W) over the organs that either shows."""
    found = []
    for place, name in enumerate(names):
        if any(organ in name for organ in ORGANS):
            a, b = one == place, other == place
            size = a.sum((1, 2)) + b.sum((1, 2))
            found.append(np.where(size > 0, 2 * (a & b).sum((1, 2)) / np.maximum(size, 1), np.nan))
    return np.nanmean(found, axis=0)


def rank_agreement(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,) minus the mean distance between the ranks, among all n, of two images' scores (n, findings)."""
    return -np.abs(_ranks(one) - _ranks(other)).mean(1)


def shuffled(n: int, seed: int = 0) -> np.ndarray:
    """Another sample for each of n."""
    order = np.random.default_rng(seed).permutation(n)
    other = np.empty(n, int)
    other[order] = np.roll(order, 1)
    return other


def interval(value: Callable[[np.ndarray], float], n: int, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """A 95 % bootstrap interval of a figure of rows."""
    rng = np.random.default_rng(seed)
    found = [value(rng.integers(0, n, n)) for _ in range(draws)]
    low, high = np.nanpercentile(found, (2.5, 97.5))
    return float(low), float(high)


def sheet(path: Path, columns: Sequence[torch.Tensor | np.ndarray], low: float = -1.0, high: float = 1.0) -> None:
    """Rows of a picture are items, its columns what is given: (n, 1, H, W) each."""
    pictures = [
        grey_levels(np.asarray(column[row], np.float32), low, high)
        for row in range(len(columns[0]))
        for column in columns
    ]
    path.write_bytes(contact_sheet(pictures, columns=len(columns), cell=96))


def keep(path: Path, results: dict[str, Any]) -> None:
    """Write results, and print them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def _ranks(values: np.ndarray) -> np.ndarray:
    return values.argsort(0).argsort(0) / (len(values) - 1)
