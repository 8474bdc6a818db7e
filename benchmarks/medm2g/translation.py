"""Proof c: CT from MRI, MRI from CT and T2 from T1 + PD, against three baselines.

    python benchmarks/medm2g/translation.py MODEL --data PHANTOM [--n 300] [--unet-minutes M] [--mean-of K] [--out DIR]

PSNR and SSIM (MONAI's SSIMMetric) of images in [0, 1], CT over [-1000, 400] HU, with the 95 % bootstrap interval of the
paired difference. ``sample`` is one image of the model; ``mean`` is of K (8), what it expects: no sample of a posterior
comes as near to the truth as the posterior's mean, which is what a regression learns. Baselines: images of the same
model without what is given; a linear map per tissue, fitted on training rows, of the tissue that a segmenter (a judge)
marks in the given image, and of the true label map's (``told``: it knows the anatomy, which no other does); a plain
MONAI UNet, trained by L1 on the same rows, for `--unet-minutes` of the threads it is given: the steps it took are told.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from judge_folder import add_judges, from_arguments
from judges import guided, interval, keep, pixels, rows, scores, sheet
from monai.metrics import SSIMMetric
from monai.networks.nets import UNet

from synthmed import load_model
from synthmed.generation.sugar import generate
from synthmed.sample import Sample

TASKS = {
    "ct from mri": (("mri", "mri.t2", "mri.pd"), "ct"),
    "mri from ct": (("ct",), "mri"),
    "t2 from t1 + pd": (("mri", "mri.pd"), "mri.t2"),
}
OURS = ("sample", "mean")


def unit(samples: Sequence[Sample], name: str) -> torch.Tensor:
    return (pixels(samples, name) + 1) / 2


def psnr(one: torch.Tensor, other: torch.Tensor) -> np.ndarray:
    return (-10 * torch.log10((one - other).square().mean((1, 2, 3)).clamp(min=1e-10))).numpy()


def ssim(one: torch.Tensor, other: torch.Tensor) -> np.ndarray:
    found = SSIMMetric(2, data_range=1.0, win_size=7)(one, other)
    return np.asarray(found).reshape(-1)


def per_tissue(
    train: Sequence[Sample], test: Sequence[Sample], given: Sequence[str], to: str, marked: np.ndarray
) -> torch.Tensor:
    """Least squares from the given images to the wanted one, one map a tissue of the given image's true mask.

    Args:
        marked: (n, H, W) tissues of the test images.
    """
    x = torch.cat([unit(train, name) for name in given], 1).movedim(1, -1).reshape(-1, len(given)).numpy()
    y = unit(train, to).reshape(-1).numpy()
    masks = np.stack([sample.masks[owner(given)] for sample in train]).reshape(-1)
    new = torch.cat([unit(test, name) for name in given], 1)
    shape = new[:, :1].shape
    flat, found = new.movedim(1, -1).reshape(-1, len(given)).numpy(), np.zeros(int(np.prod(shape)), np.float32)
    for tissue in np.unique(marked):
        chosen = np.flatnonzero(masks == tissue)[:200_000]
        if len(chosen) < 50:  # too rare for a map of its own: that of all pixels
            chosen = np.arange(len(masks))[:200_000]
        design = np.c_[x[chosen], np.ones(len(chosen))]
        weights, *_ = np.linalg.lstsq(design, y[chosen], rcond=None)
        there = marked.reshape(-1) == tissue
        found[there] = np.c_[flat[there], np.ones(int(there.sum()))] @ weights
    return torch.from_numpy(found.reshape(shape)).clamp(0, 1)


def owner(given: Sequence[str]) -> str:
    """The given image whose label map there is: all contrasts of MRI share one."""
    return "ct" if given[0] == "ct" else "mri"


def regression(
    train: Sequence[Sample], test: Sequence[Sample], given: Sequence[str], to: str, minutes: float
) -> tuple[torch.Tensor, int]:
    """The UNet's images, and the steps of 32 images that it was trained for."""
    torch.manual_seed(0)
    net = UNet(2, len(given), 1, (32, 64, 128, 256), (2, 2, 2), num_res_units=2)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    x, y = torch.cat([unit(train, name) for name in given], 1), unit(train, to)
    end, rng, steps = time.monotonic() + 60 * minutes, np.random.default_rng(0), 0
    while time.monotonic() < end:
        chosen = torch.from_numpy(rng.integers(0, len(x), 32))
        loss = (net(x[chosen]) - y[chosen]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
    with torch.no_grad():
        return net.eval()(torch.cat([unit(test, name) for name in given], 1)).clamp(0, 1), steps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    add_judges(parser)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--unet-minutes", type=float, default=10)
    parser.add_argument("--mean-of", type=int, default=8)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--split", default="test", help="val, to choose guidance by")
    parser.add_argument("--out", type=Path, default=Path("."))
    arguments = parser.parse_args()
    model = guided(load_model(arguments.model), arguments.guidance)
    judges, test = from_arguments(arguments), rows(arguments.data / arguments.split, arguments.n)
    train, known = judges.train, judges.train[:1500]
    results: dict[str, object] = {
        "n": len(test),
        "sampler": dict(model.sampler),
        "mean of": arguments.mean_of,
        "UNet": {"minutes": arguments.unet_minutes, "threads": torch.get_num_threads()},
    }
    for task, (given, to) in TASKS.items():
        conditions = [{name: sample.images[name] for name in given} for sample in test]
        real = unit(test, to)
        marked = scores(judges.segmenter(owner(given)), pixels(test, owner(given))).argmax(1)
        true = np.stack([sample.masks[owner(given)] for sample in test])
        regressed, steps = regression(train, test, given, to, arguments.unet_minutes)
        made = [
            unit(generate(model, to=[to], given=conditions, n=len(test), seed=1 + k), to)
            for k in range(arguments.mean_of)
        ]
        images = {
            "sample": made[0],
            "mean": torch.stack(made).mean(0),
            "unconditional": unit(generate(model, to=[to], n=len(test), seed=1), to),
            "linear per tissue": per_tissue(known, test, given, to, marked),
            "linear per tissue, told": per_tissue(known, test, given, to, true),
            "UNet": regressed,
        }
        entry: dict[str, object] = {"UNet's steps": steps}
        for measure, of in (("PSNR", psnr), ("SSIM", ssim)):
            values = {name: of(image, real) for name, image in images.items()}
            entry[measure] = {name: float(value.mean()) for name, value in values.items()}
            for own in OURS:
                entry[f"{measure}: {own} minus"] = {
                    name: interval(lambda chosen, gap=values[own] - value: float(gap[chosen].mean()), len(test))
                    for name, value in values.items()
                    if name not in OURS
                }
        results[task] = entry
        arguments.out.mkdir(parents=True, exist_ok=True)
        columns = [unit(test, name) for name in given] + [real] + list(images.values())
        sheet(arguments.out / f"{task.replace(' ', '-')}.png", [column[:10] for column in columns], 0.0, 1.0)
    keep(arguments.out / "translation.json", results)


if __name__ == "__main__":
    main()
