"""Proof c: does a melanoma classifier gain from generated images? Real only against real + generated, five seeds.

    python benchmarks/medart/downstream.py --data shared/data --base MODEL --model TUNED --captions TABLE --out DIR

TUNED is the model of recipes/medart/isic (Med-Art whole), MODEL its base, TABLE `synthmed caption`'s of colour_isic.
TUNED draws --made images, half of them
melanoma, for captions of training rows of that class. A small DenseNet (MONAI) is trained from scratch on the 835
training rows, or on them and the generated ones, half of each batch; both see as many batches, and both classes
equally often. AUC on the test split; the difference is paired: the same seeds, the same test rows, which are
resampled for its 95 % interval together with the seeds. The same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from arms import Common, Real, begin, drawn, real_rows
from monai.networks.nets import DenseNet
from proofs import run
from sklearn.metrics import roc_auc_score
from torch import nn

from synthmed.whole_files import write_json

LABEL = "melanoma"
BATCH = 32
DRAWS = 2000


def downstream(arguments: argparse.Namespace, common: Common) -> None:
    out: Path = arguments.out
    steps = max(2, round(arguments.classifier_steps * common.scale))
    begin(out, {"made": arguments.made, "steps": steps, "set": list(common.overrides)})
    train, test = real_rows(common, "train"), real_rows(common, "test")
    known, truth = labelled(train), labelled(test)
    prompts, classes = wishes(train, known, arguments.made)
    made = drawn(arguments.model, prompts, out / "made.npy")
    scores: dict[str, list[np.ndarray]] = {"real": [], "real + generated": []}
    for seed in arguments.seeds:
        for name, found in scores.items():
            file = out / f"{name.replace(' ', '')}-seed{seed}.npy"
            if not file.is_file():
                sets = [(train.images, known)] + ([(made, classes)] if name != "real" else [])
                score = classify(sets, test.images, steps, seed)
                np.save(file, score)
            found.append(np.load(file, allow_pickle=False))
    results = compare(scores, truth)
    write_json(
        out / "results.json", {"test rows": len(truth), "made": arguments.made, "seeds": arguments.seeds, **results}
    )
    value, low, high = results["difference"]
    verdict = "gain" if low > 0 else "loss" if high < 0 else "not shown"
    lines = [
        f"Melanoma AUC on {len(truth)} test rows, {len(arguments.seeds)} seeds: real + generated minus real "
        f"{value:+.4f} (95 % {low:+.4f} to {high:+.4f}): {verdict}.",
        *(f"{name}: {np.mean(aucs):.4f} ± {np.std(aucs):.4f}" for name, aucs in results["auc"].items()),
    ]
    (out / "table.md").write_text("\n\n".join(lines) + "\n")
    print("\n".join(lines))


def labelled(rows: Real) -> np.ndarray:
    return np.array([LABEL in names for names in rows.labels], int)


def wishes(train: Real, known: np.ndarray, n: int) -> tuple[list[str], np.ndarray]:
    """Captions of training rows, a class after another, and those classes."""
    rng = np.random.default_rng(0)
    classes = np.arange(n) % 2
    return [train.captions[int(rng.choice(np.flatnonzero(known == one)))] for one in classes], classes


def classify(sets: list[tuple[torch.Tensor, np.ndarray]], test: torch.Tensor, steps: int, seed: int) -> np.ndarray:
    """The test rows' scores, of a network trained on equal shares of the sets and classes; flips and turns augment."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = DenseNet(2, 3, 1, init_features=24, growth_rate=12, block_config=(3, 6, 6))
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    share = BATCH // (2 * len(sets))
    for _ in range(steps):
        images, targets = [], []
        for pictures, classes in sets:
            for one in (0, 1):
                chosen = rng.choice(np.flatnonzero(classes == one), share)
                images.append(pictures[torch.from_numpy(chosen)])
                targets += [float(one)] * share
        batch = torch.rot90(torch.cat(images), int(rng.integers(4)), (2, 3))
        batch = batch.flip(3) if rng.integers(2) else batch
        logits = net(batch * 2 - 1)[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(targets))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    net.eval()
    with torch.no_grad():
        return np.concatenate([net(part * 2 - 1)[:, 0].numpy() for part in test.split(64)])


def compare(scores: dict[str, list[np.ndarray]], truth: np.ndarray) -> dict:
    real, both = (np.stack(scores[name]) for name in ("real", "real + generated"))
    rng = np.random.default_rng(0)

    def gain(seeds: np.ndarray, rows: np.ndarray) -> float:
        known = truth[rows]
        return float(
            np.mean([roc_auc_score(known, both[s][rows]) - roc_auc_score(known, real[s][rows]) for s in seeds])
        )

    n, everyone = len(real), np.arange(len(truth))
    drawn_rows = (rng.integers(0, len(truth), len(truth)) for _ in range(DRAWS))
    gains = [gain(rng.integers(0, n, n), rows) for rows in drawn_rows if 0 < truth[rows].sum() < len(rows)]
    low, high = np.percentile(gains, (2.5, 97.5))
    aucs = {name: [float(roc_auc_score(truth, one)) for one in found] for name, found in scores.items()}
    return {"auc": aucs, "difference": [gain(np.arange(n), everyone), float(low), float(high)]}


if __name__ == "__main__":
    own = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    own.add_argument("--model", type=Path, required=True, help="the model of recipes/medart/isic")
    own.add_argument("--made", type=int, default=1000)
    own.add_argument("--classifier-steps", type=int, default=800)
    own.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    run(downstream, own)
