"""What a request fixes: labels, a report or a mask, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from synthmed.errors import UserError
from synthmed.phantom.axial import Map
from synthmed.phantom.findings import Wanted
from synthmed.phantom.kinds import KINDS
from synthmed.phantom.parse import parse_report
from synthmed.phantom.tissue import MASK_NAMES
from synthmed.registry import nearest
from synthmed.sample import NO_FINDING


def wanted_findings(given: Mapping[str, Any]) -> list[Wanted] | None:
    """The findings that given labels or a given report fix; None where neither is given.

    Raises:
        UserError: a value of the wrong type, an unknown label, or an empty report.
    """
    if "report" in given:
        text = given["report"]
        if not isinstance(text, str) or not text.strip():
            raise UserError("given report: is empty or not text; give the report as a string, or leave it out")
        return parse_report(text)
    if "labels" in given:
        return [Wanted(kind) for kind in checked_labels(given["labels"])]
    return None


def checked_labels(labels: Any) -> list[str]:
    """The kinds among given labels, in their order; empty for ``no finding``.

    Raises:
        UserError: not a sequence of strings, an unknown or repeated label, or a finding beside ``no finding``.
    """
    if isinstance(labels, str) or not isinstance(labels, (list, tuple)):
        raise UserError(f"given labels: {labels!r} is not a list; give a list of labels, as in ['nodule']")
    for label in labels:
        if not isinstance(label, str) or (label not in KINDS and label != NO_FINDING):
            raise UserError(f"given labels: no label {label!r}{nearest(str(label), [*KINDS, NO_FINDING])}")
    if not labels:
        raise UserError(f"given labels: is empty; give [{NO_FINDING!r}] for a patient without findings")
    if len(set(labels)) < len(labels):
        raise UserError(f"given labels: {list(labels)} has a label twice; give each once")
    if NO_FINDING in labels and len(labels) > 1:
        raise UserError(f"given labels: {NO_FINDING!r} stands beside findings; leave one of them out")
    return [label for label in labels if label != NO_FINDING]


def checked_mask(name: str, mask: Any, size: tuple[int, int]) -> Map:
    """A given mask as (H, W).

    Raises:
        UserError: not (1, rows, columns) uint8, a value without a name, or background only; names the mask.
    """
    if not isinstance(mask, np.ndarray) or mask.shape != (1, *size) or mask.dtype != np.uint8:
        has = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise UserError(f"given {name}: is {has}; give uint8 of shape (1, {size[0]}, {size[1]}), the phantom's size")
    highest = int(mask.max())
    if highest >= len(MASK_NAMES):
        raise UserError(
            f"given {name}: has the value {highest}; its labels end at {len(MASK_NAMES) - 1}, {MASK_NAMES[-1]}"
        )
    if highest == 0:
        raise UserError(f"given {name}: is background only; give a mask with at least the body in it")
    return np.asarray(mask[0])
