"""What the copy detector finds of altered copies of real images, at 1 % false alarms of real hold-out images.

python benchmarks/evaluation/copying.py --data DATA [--part mri_tumor_large] [--rows N] [--holdout N] [--planted N]
    [--out DIR]

``DATA`` holds the part and, for the autoencoder's pass, ``weights/taef2_*.pth``. A fifth of the patients is held out;
half of those set the threshold, the other half tells how often it is passed. A part without patients has clusters of
near-duplicates in their place. Writes grids of misses and of alarms (looked for, what it was made of, nearest row).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.sparse.csgraph import connected_components
from torch import nn

from synthmed.data.leaks import NEAR, difference_hash
from synthmed.evaluation.copying.alterations import ALTERATIONS, Alteration
from synthmed.evaluation.copying.correlation import CorrelationDetector
from synthmed.evaluation.copying.plant import Pictures, Planted, copy_of, self_test
from synthmed.evaluation.copying.threshold import Rate, threshold
from synthmed.evaluation.copying.thumbnails import thumbnails
from synthmed.report.grid import contact_sheet, grey_levels

SHOWN = 12


class Block(nn.Module):
    """A residual block of madebyollin/taesd (MIT), with its pooled branch where ``pooled``."""

    def __init__(self, pooled: bool) -> None:
        super().__init__()
        layers = [nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()]
        self.conv = nn.Sequential(*layers, nn.Conv2d(64, 64, 3, padding=1))
        branch = [nn.Conv2d(64, 256, 1, bias=False), nn.GroupNorm(4, 256), nn.ReLU(), nn.Conv2d(256, 64, 1, bias=False)]
        self.pool = nn.Sequential(*branch) if pooled else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of (n, 64, H, W)."""
        x = x if self.pool is None else x + self.pool(x)
        return nn.functional.relu(self.conv(x) + x)


def autoencoder(weights: Path) -> Alteration:
    """One pass through TAEF2, 8 times down to 32 channels."""
    encoder: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), Block(False)]
    for stage in range(3):
        encoder += [
            nn.Conv2d(64, 64, 3, stride=2, padding=1, bias=False),
            *(Block(pooled=stage == 2) for _ in range(3)),
        ]
    decoder: list[nn.Module] = [nn.Identity(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()]
    for stage in range(3):
        up = [nn.Upsample(scale_factor=2), nn.Conv2d(64, 64, 3, padding=1, bias=False)]
        decoder += [*(Block(pooled=stage == 0) for _ in range(3)), *up]
    halves = (
        nn.Sequential(*encoder, nn.Conv2d(64, 32, 3, padding=1)),
        nn.Sequential(*decoder, Block(False), nn.Conv2d(64, 3, 3, padding=1)),
    )
    for half, name in zip(halves, ("encoder", "decoder"), strict=True):
        half.load_state_dict(torch.load(weights / f"taef2_{name}.pth", weights_only=True))
        half.eval()

    def through(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        with torch.inference_mode():
            latent = halves[0](torch.from_numpy(picture).expand(3, -1, -1)[None])
            # The decoder's own bound of its input: 3 tanh(x / 3).
            opened = halves[1](3 * torch.tanh(latent / 3))[0]
        return opened.mean(dim=0, keepdim=True).clamp(0, 1).numpy() if len(picture) == 1 else opened.clamp(0, 1).numpy()

    return through


def read(folder: Path) -> tuple[np.ndarray, list[str]]:
    """(n, 1, H, W) levels of a part's training rows, and their patients or, where there are none, clusters."""
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    levels = np.stack([np.asarray(Image.open(folder / row["image"]).convert("L")) for row in rows])[:, None]
    if all(row["patient"] for row in rows):
        return levels, [row["patient"] for row in rows]
    print("no patients: clusters of near-duplicates stand for them; slices of one head may be on both sides")
    return levels, [f"cluster {number}" for number in clusters(levels)]


def clusters(levels: np.ndarray) -> np.ndarray:
    """A number for each picture, the same for those that a chain of near-duplicates (also turned over) joins."""
    turned = [levels, levels[..., ::-1], levels[..., ::-1, :], levels[..., ::-1, ::-1]]
    bits = [np.stack([hashed(one) for one in each]) for each in turned]
    near = np.zeros((len(levels), len(levels)), bool)
    for each in bits:
        near |= (256 - bits[0] @ each.T) / 2 <= NEAR
    return connected_components(near, directed=False)[1]


def hashed(picture: np.ndarray) -> np.ndarray:
    """256 signs; a flat picture has those of nothing brighter than its neighbour."""
    bits = difference_hash(picture)
    return np.where(np.zeros(256, bool) if bits is None else bits, 1, -1).astype(np.float32)


def sides(groups: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shuffled places of the training rows and of the two hold-out halves: 80, 10 and 10 % of the groups."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(groups))
    tenth = len(names) // 10
    parts = names[2 * tenth :], names[:tenth], names[tenth : 2 * tenth]
    train, first, second = (rng.permutation(np.flatnonzero(np.isin(groups, part))) for part in parts)
    return train, first, second


def line(name: str, rate: Rate, more: str = "") -> None:
    """One row of the table."""
    low, high = rate.interval()
    print(f"{name:<12} {rate.value:6.3f}  ({low:.3f} to {high:.3f})  n = {rate.n}{more}", flush=True)


def sheet(path: Path, trios: Sequence[Sequence[np.ndarray]]) -> None:
    """Pictures (1, H, W) in [0, 1] in rows of as many as the first has."""
    if trios:
        flat = [grey_levels(picture, 0, 1) for trio in trios[:SHOWN] for picture in trio]
        path.write_bytes(contact_sheet(flat, columns=len(trios[0])))


def main() -> None:
    """Print the table, write the grids."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", default="xray_pneumonia_large")
    parser.add_argument("--rows", type=int, default=None, help="training rows at most")
    parser.add_argument("--holdout", type=int, default=None, help="rows of each half at most")
    parser.add_argument("--planted", type=int, default=200, help="copies of each alteration")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="where the grids go; none are written without")
    chosen = parser.parse_args()
    levels, groups = read(chosen.data / chosen.part)
    train, first, second = sides(groups, chosen.seed)
    train, first, second = train[: chosen.rows], first[: chosen.holdout], second[: chosen.holdout]

    def pictures(places: Sequence[int] | np.ndarray) -> np.ndarray:
        return levels[np.asarray(places)].astype(np.float32) / 255

    start = time.perf_counter()
    detector = CorrelationDetector(torch.cat([thumbnails(torch.from_numpy(pictures(part))) for part in blocks(train)]))
    scores = detector(pictures(first)).scores
    limit = threshold(scores)
    print(f"{chosen.part}: {len(train)} training rows, {len(set(groups))} patients or clusters, seed {chosen.seed}")
    print(f"threshold {limit:.3f}: 99 % of {len(first)} hold-out images (median {np.median(scores):.3f})")
    other = detector(pictures(second))
    line("alarms", Rate.above(other.scores, limit), " (second half)")
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
        order = np.argsort(-other.scores)[:SHOWN]
        nearest = pictures(train[other.places[order]])
        sheet(chosen.out / f"{chosen.part}-alarms.png", list(zip(pictures(second[order]), nearest, strict=True)))
    alterations = {**ALTERATIONS, "autoencoder": autoencoder(chosen.data / "weights")}
    for planted in self_test(
        detector, pictures, train.tolist(), limit, alterations, planted=chosen.planted, seed=chosen.seed
    ):
        line(planted.alteration, planted.sensitivity, f"; source named {planted.named.mean():.3f}")
        if chosen.out:
            trios = [
                missed(planted, int(number), pictures, alterations, chosen.seed) for number in planted.misses[:SHOWN]
            ]
            sheet(chosen.out / f"{chosen.part}-{planted.alteration}.png", trios)
    print(f"{time.perf_counter() - start:.0f} s, {torch.get_num_threads()} thread(s)")


def missed(
    planted: Planted, number: int, pictures: Pictures, alterations: Mapping[str, Alteration], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A copy that was not found, and its source."""
    source = pictures([int(planted.sources[number])])[0]
    return copy_of(source, planted.alteration, alterations, number, seed), source


def blocks(places: np.ndarray) -> list[np.ndarray]:
    """Of 512 at most."""
    return [places[start : start + 512] for start in range(0, len(places), 512)]


if __name__ == "__main__":
    main()
