"""Membership inference by a model's loss: can its loss tell training rows from others of the same source?

S. Yeom et al. (CSF 2018): a row of lower loss is taken for a training row. Chance is an AUC of 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from synthmed.errors import UserError
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.intervals import bootstrap

Losses: TypeAlias = npt.NDArray[np.floating]
Scorer: TypeAlias = Callable[[npt.NDArray[np.float32]], Losses]
"""Pixels (n, C, H, W) in the image's unit to the model's loss of each row, (n,), with the same noise for every row."""


@dataclass(frozen=True)
class Membership:
    """What the attack reaches.

    Attributes:
        auc: that a training row's loss is below a hold-out row's, ties half; 0.5 by chance, with its 95 % interval.
        caught: share of training rows whose loss is below that of 99 % of hold-out rows; 0.01 by chance (the figure
            that N. Carlini et al., S&P 2022, ask for).
    """

    auc: float
    low: float
    high: float
    caught: float
    members: int
    others: int


def attack(members: Losses, others: Losses, *, seed: int = 0) -> Membership:
    """Of the losses of training rows and of rows that the model has not seen.

    Raises:
        UserError: there are none of one kind, or a loss is not a finite number.
    """
    losses = np.concatenate([members, others]).astype(np.float64)
    if not len(members) or not len(others) or not np.isfinite(losses).all():
        odd = int((~np.isfinite(losses)).sum())
        raise UserError(
            f"membership: {len(members)} training and {len(others)} hold-out losses, {odd} of them not finite; "
            "give finite ones of both kinds"
        )
    inside = np.arange(len(losses)) < len(members)

    def auc(places: npt.NDArray[np.int64]) -> float:
        drawn = inside[places]
        trained, unseen = int(drawn.sum()), int((~drawn).sum())
        # Mann and Whitney's U by the ranks of the training rows' losses, of which a low one counts for membership.
        beaten = trained * unseen + trained * (trained + 1) / 2 - float(rankdata(losses[places])[drawn].sum())
        return beaten / (trained * unseen) if trained and unseen else 0.5

    low, high = bootstrap(auc, len(losses), seed=seed)
    limit = np.quantile(losses[~inside], 0.01, method="inverted_cdf")
    return Membership(
        auc(np.arange(len(losses))), low, high, float((losses[inside] < limit).mean()), len(members), len(others)
    )


def losses_of(
    scorer: Scorer, corpus: Corpus, image: str, *, limit: int = 5_000, seed: int = 0, block: int = 64
) -> Losses:
    """The losses of the rows with that image, of ``limit`` drawn ones where there are more."""
    places = corpus.having(image)
    if len(places) > limit:
        places = np.sort(np.random.default_rng(seed).permutation(places)[:limit])
    blocks = [places[start : start + block].tolist() for start in range(0, len(places), block)]
    return np.concatenate([np.zeros(0), *(np.asarray(scorer(corpus.pixels(image, rows))) for rows in blocks)])
