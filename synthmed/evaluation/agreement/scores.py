"""How well a judge's answers fit: AUROC and Dice, the same for real rows and for synthetic ones."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def auroc(scores: npt.NDArray[np.floating], present: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Each label's area under the ROC curve, as Mann and Whitney's U over all pairs of a row with it and one without.

    Chance is 0.5. Ranks of all labels at once, so that a bootstrap of a thousand draws takes seconds; equal to
    `sklearn.metrics.roc_auc_score`.

    Args:
        scores: (n, labels), higher is surer.
        present: (n, labels).

    Returns:
        (labels,) in [0, 1]; nan for a label that every row has, or none.
    """
    from scipy.stats import rankdata

    if not len(scores):
        return np.full(present.shape[1], math.nan)
    ranks = rankdata(scores, axis=0)
    have = present.sum(axis=0).astype(np.float64)
    pairs = have * (len(present) - have)
    wins = (ranks * present).sum(axis=0) - have * (have + 1) / 2
    found: npt.NDArray[np.float64] = np.divide(wins, pairs, out=np.full(len(have), math.nan), where=pairs > 0)
    return found


def macro_auroc(scores: npt.NDArray[np.floating], present: npt.NDArray[np.bool_]) -> float:
    """The mean of `auroc` over the labels that some rows have and some do not; nan where there is no such label."""
    return mean_known(auroc(scores, present))


def area_dice(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """(n,) 2 |A ∩ B| / (|A| + |B|) of (n, H, W) areas, by MONAI: 1 where both are empty, 0 where one of them is."""
    import torch
    from monai.metrics import compute_dice

    left, right = (torch.from_numpy(np.ascontiguousarray(area[:, None])).float() for area in (one, other))
    values: npt.NDArray[np.float64] = compute_dice(left, right, ignore_empty=False)[:, 0].double().numpy()
    return values


def dice(maps: npt.NDArray[np.integer], masks: npt.NDArray[np.integer], classes: int) -> npt.NDArray[np.float64]:
    """Each row's `area_dice` of each class but the background.

    Args:
        maps: (n, H, W), the judge's.
        masks: (n, H, W), what should be there.
        classes: how many values there are, the background's 0 among them.

    Returns:
        (n, classes - 1) in [0, 1]; nan where neither holds the class, so that its absence earns nothing.
    """
    values = np.empty((len(maps), classes - 1))
    for value in range(1, classes):
        one, other = maps == value, masks == value
        values[:, value - 1] = np.where((one | other).any(axis=(1, 2)), area_dice(one, other), math.nan)
    return values


def mean_dice(values: npt.NDArray[np.float64]) -> float:
    """Of `dice`'s rows: the mean over classes of each class's mean over the rows that hold it; nan where none does."""
    return mean_known(np.array([mean_known(column) for column in values.T]))


def mean_known(values: npt.NDArray[np.float64]) -> float:
    """The mean of what is a number; nan where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan
