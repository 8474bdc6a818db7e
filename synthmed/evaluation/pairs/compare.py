"""Each synthetic image against its real one: what PSNR and SSIM share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.intervals import Places, bootstrap, known, other_rows
from synthmed.evaluation.metric import Context, Figure
from synthmed.evaluation.pairs.matching import NO_PAIRS, matched
from synthmed.evaluation.scale import bounds, unit

Likeness: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Two (n, C, H, W) float32 in [0, 1] to (n,): one number a pair."""
_BATCH = 16


def compared(context: Context, metric: str, likeness: Likeness, *, left_out: str) -> Iterator[Figure]:
    """The mean over all pairs of each image, and over shuffled pairs, which it falls to without likeness.

    Pairs without a finite likeness are left out of the mean and counted in the note.

    Args:
        left_out: what such pairs are: "pairs of equal images".
    """
    real = context.real
    if real is None:
        yield Figure(metric, note="no real rows were given")
        return
    for image in context.synthetic.images:
        scope = {"image": image}
        if image not in real.images:
            yield Figure(metric, scope=scope, note=f"no real row has {image}")
            continue
        own, theirs = matched(context.synthetic, real, image, limit=context.limit, seed=context.seed)
        if not len(own):
            yield Figure(metric, scope=scope, note=NO_PAIRS)
            continue
        shapes = [_shape(context.synthetic, image, own), _shape(real, image, theirs)]
        if shapes[0] != shapes[1]:
            said = " and ".join("×".join(map(str, shape)) for shape in shapes)
            yield Figure(metric, scope=scope, n=len(own), note=f"{said}: bring both to one size")
            continue
        low, high = bounds(real.images[image])
        about = f"over {low:g} to {high:g} {real.images[image].unit}" if (low, high) != (0, 1) else ""
        values = _values(context, image, own, theirs, likeness)
        yield _figure(Figure(metric, "", scope, note=about), values, context.seed, left_out)
        if len(own) > 1:
            others = theirs[other_rows(len(own), context.seed)]
            values = _values(context, image, own, others, likeness)
            control = Figure(metric, "shuffled", scope, note="each with another pair's real image")
            yield _figure(control, values, context.seed, left_out)


def _values(context: Context, image: str, own: Places, theirs: Places, likeness: Likeness) -> npt.NDArray[np.float64]:
    assert context.real is not None
    found = []
    for start in range(0, len(own), _BATCH):
        pair = [
            torch.from_numpy(unit(corpus.images[image], corpus.pixels(image, places[start : start + _BATCH].tolist())))
            for corpus, places in ((context.synthetic, own), (context.real, theirs))
        ]
        found.append(likeness(*pair).double().numpy())
    return np.concatenate(found)


def _figure(figure: Figure, values: npt.NDArray[np.float64], seed: int, left_out: str) -> Figure:
    finite = values[np.isfinite(values)]
    missing = len(values) - len(finite)
    if not len(finite):
        return replace(figure, n=len(values), note=f"all {missing:,} are {left_out}")
    note = "; ".join(filter(None, [figure.note, f"{missing:,} {left_out} are left out" if missing else ""]))
    low, high = known(bootstrap(lambda rows: float(finite[rows].mean()), len(finite), seed=seed))
    return replace(figure, value=float(finite.mean()), n=len(finite), low=low, high=high, note=note)


def _shape(corpus: Corpus, image: str, places: Places) -> tuple[int, ...]:
    return tuple(corpus.pixels(image, places[:1].tolist()).shape[1:])
