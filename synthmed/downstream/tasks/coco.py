"""Mean average precision of boxes: COCO's, at one IoU, and the one of the RSNA protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from monai.apps.detection.metrics.coco import COCOMetric
from monai.apps.detection.metrics.matching import matching_batch
from monai.data.box_utils import box_iou

from synthmed.downstream.truth import Boxes
from synthmed.evaluation.intervals import Places

Corners: TypeAlias = npt.NDArray[np.float32]
COCO_IOU = (0.5, 0.95, 0.05)
RSNA_IOU = (0.4, 0.75, 0.05)
RSNA_SCORE = 0.5
MOST = 100
"""Boxes of a category and image that count, the surest ones."""


def average_precision(
    said: Sequence[Boxes], known: Sequence[Boxes], categories: int, iou: tuple[float, float, float] = COCO_IOU
) -> npt.NDArray[np.float64]:
    """(thresholds, categories): average precision over 101 recalls, by MONAI's `COCOMetric`.

    A category that no image has is not a number, since there is nothing to find; MONAI gives -1 and averages it in.

    Args:
        said, known: of the same images.
        iou: lowest and highest intersection over union of a hit, and the step.
    """
    thresholds = np.linspace(iou[0], iou[1], round((iou[1] - iou[0]) / iou[2]) + 1)
    found = np.full((len(thresholds), categories), np.nan)
    there = _there(known)
    matches = _matched(said, known, there, thresholds)
    for place, category in enumerate(there):
        found[:, category] = _precision(matches, place, thresholds, iou)
    return found


def map50_of_draws(said: Sequence[Boxes], known: Sequence[Boxes]) -> Callable[[Places], float]:
    """``map50`` of drawn rows, as `figures` has it; boxes are matched once, image by image, not in every draw."""
    there = _there(known)
    thresholds = np.array([0.5])
    matches = _matched(said, known, there, thresholds)
    has = np.array([np.isin(there, boxes.categories) for boxes in known], bool)

    def value(rows: Places) -> float:
        drawn = [matches[row] for row in rows]
        found = [
            _precision(drawn, int(place), thresholds, (0.5, 0.5, 0.05))[0] for place in np.flatnonzero(has[rows].any(0))
        ]
        return float(np.mean(found)) if found else float("nan")

    return value


def rsna(said: Sequence[Boxes], known: Sequence[Boxes], categories: int) -> float:
    """mAP over IoU 0.40, 0.45, …, 0.75 as MGCA computes it for RSNA (HKU-MedAI/MGCA).

    Only boxes with a score of at least 0.5 count, and images without true boxes or without such a box are *skipped*: it
    is blind to false alarms in healthy images and to images in which nothing is found. It is there to stand beside
    published figures; 0 where every image is skipped.
    """
    sure = [boxes.where(boxes.scores >= RSNA_SCORE) for boxes in said]
    kept = [place for place, boxes in enumerate(sure) if len(boxes) and len(known[place])]
    if not kept:
        return 0.0
    found = average_precision([sure[place] for place in kept], [known[place] for place in kept], categories, RSNA_IOU)
    return float(np.nanmean(found))


def figures(said: Sequence[Boxes], known: Sequence[Boxes], names: Sequence[str]) -> Mapping[str, float]:
    """``map50`` (IoU 0.5), ``map`` (0.50 to 0.95), both means over the names that there are; by name; ``map_rsna``."""
    found = average_precision(said, known, len(names))
    there = [place for place in range(len(names)) if not np.isnan(found[0, place])]
    if not there:
        return {"map50": float("nan"), "map": float("nan"), "map_rsna": float("nan")}
    by_name = {f"map50/{names[place]}": float(found[0, place]) for place in there}
    by_name |= {f"map/{names[place]}": float(found[:, place].mean()) for place in there}
    means = {"map50": float(found[0, there].mean()), "map": float(found[:, there].mean())}
    return {**means, "map_rsna": rsna(said, known, len(names)), **by_name}


def _there(known: Sequence[Boxes]) -> list[int]:
    return sorted({int(category) for boxes in known for category in boxes.categories})


def _matched(
    said: Sequence[Boxes], known: Sequence[Boxes], there: Sequence[int], thresholds: npt.NDArray[np.float64]
) -> list[dict[int, Any]]:
    """MONAI's matches of each image, by the place of a category among those that are there."""
    # MONAI's metric counts categories from 0 without gaps.
    said_there, known_there = _renumbered(said, there), _renumbered(known, there)
    matches: list[dict[int, Any]] = matching_batch(
        iou_fn=_overlap,
        iou_thresholds=list(thresholds),
        pred_boxes=[boxes.corners for boxes in said_there],
        pred_classes=[boxes.categories for boxes in said_there],
        pred_scores=[boxes.scores for boxes in said_there],
        gt_boxes=[boxes.corners for boxes in known_there],
        gt_classes=[boxes.categories for boxes in known_there],
        max_detections=MOST,
    )
    return matches


def _precision(
    matches: Sequence[Mapping[int, Any]],
    place: int,
    thresholds: npt.NDArray[np.float64],
    iou: tuple[float, float, float],
) -> list[float]:
    """The average precision of one category at each threshold."""
    metric = COCOMetric([str(place)], iou_list=list(thresholds), iou_range=iou, max_detection=(MOST,))
    figures, _ = metric([{0: image[place]} for image in matches if place in image])
    return [float(figures[f"AP_IoU_{threshold:.2f}_MaxDet_{MOST}"]) for threshold in thresholds]


def _overlap(one: Corners, other: Corners) -> Corners:
    """(k, m) intersections over unions."""
    return np.asarray(box_iou(one, other))


def _renumbered(rows: Sequence[Boxes], there: Sequence[int]) -> list[Boxes]:
    """The boxes of those categories, which become 0, 1, …."""
    kept = [boxes.where(np.isin(boxes.categories, there)) for boxes in rows]
    return [Boxes(boxes.corners, np.searchsorted(there, boxes.categories), boxes.scores) for boxes in kept]
