"""How well a detector's boxes fit: COCO's average precision at an overlap of one half, by MONAI."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.agreement.scores import mean_known
from synthmed.sample import Box

Found: TypeAlias = Sequence[tuple[Box, float]]
"""One row's boxes with their scores."""
Matches: TypeAlias = Mapping[int, Mapping[str, npt.NDArray[Any]]]
"""One row's outcome by category: which of its boxes were found, and which of those found are right."""

OVERLAP = 0.5
"""Intersection over union from which a box counts as found."""
MOST = 100
"""Boxes of one row and category that are looked at, the surest first, as COCO does."""


def match(found: Sequence[Found], truth: Sequence[Sequence[Box]], names: Sequence[str]) -> list[Matches]:
    """Each row's found boxes against its true ones, category by category; categories that are no name are left out."""
    from monai.apps.detection.metrics.matching import matching_batch
    from monai.data.box_utils import box_iou

    known = [[(box, score) for box, score in row if box.category in names] for row in found]
    there = [[box for box in row if box.category in names] for row in truth]
    matches = matching_batch(
        iou_fn=lambda one, other: np.asarray(box_iou(one, other)),
        iou_thresholds=[OVERLAP],
        pred_boxes=[_corners([box for box, _ in row]) for row in known],
        pred_classes=[_classes([box for box, _ in row], names) for row in known],
        pred_scores=[np.array([score for _, score in row], np.float64) for row in known],
        gt_boxes=[_corners(row) for row in there],
        gt_classes=[_classes(row, names) for row in there],
        max_detections=MOST,
    )
    return list[Matches](matches)


def ap50(matches: Sequence[Matches], category: int) -> float:
    """COCO's AP at `OVERLAP` in [0, 1], precision taken at 101 recalls; nan where no row has such a box."""
    from monai.apps.detection.metrics.coco import COCOMetric

    rows = [row[category] for row in matches if category in row]
    if not any(len(row["gtIgnore"]) for row in rows):
        return math.nan
    metric = COCOMetric(
        [""],
        iou_list=[OVERLAP],
        iou_range=(OVERLAP, OVERLAP, 0.05),
        max_detection=[MOST],
        per_class=False,
        verbose=False,
    )
    values, _ = metric([{0: row} for row in rows])
    return float(values[f"AP_IoU_{OVERLAP:.2f}_MaxDet_{MOST}"])


def mean_ap50(matches: Sequence[Matches], categories: int) -> float:
    """The mean of `ap50` over the categories that some row has; nan where none has one."""
    return mean_known(np.array([ap50(matches, category) for category in range(categories)]))


def _corners(boxes: Sequence[Box]) -> npt.NDArray[np.float32]:
    corners = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes]
    return np.array(corners, np.float32).reshape(-1, 4)


def _classes(boxes: Sequence[Box], names: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.array([list(names).index(box.category) for box in boxes], np.int64)
