"""Metrics over shards and folders of images, open to third parties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthmed.evaluation.agreement.entries import ENTRIES as _AGREEMENT
from synthmed.evaluation.copying.entries import ENTRIES as _COPYING
from synthmed.evaluation.diversity.entries import ENTRIES as _DIVERSITY
from synthmed.evaluation.fidelity.entries import ENTRIES as _FIDELITY
from synthmed.evaluation.pairs.entries import ENTRIES as _PAIRS
from synthmed.evaluation.texts.entries import ENTRIES as _TEXTS
from synthmed.registry import Entry, Registry

_ROOMS: Mapping[str, tuple[Entry[Any], ...]] = {
    "Fidelity": _FIDELITY,
    "Diversity": _DIVERSITY,
    "Copying": _COPYING,
    "Agreement": _AGREEMENT,
    "Image pairs": _PAIRS,
    "Text": _TEXTS,
}
FAMILIES: Mapping[str, tuple[str, ...]] = {
    family: tuple(entry.name for entry in entries) for family, entries in _ROOMS.items()
}
"""The package's own metrics by what they ask, in the order of a report; third parties' are of no family."""

METRICS: Registry[Any] = Registry("metrics", [entry for entries in _ROOMS.values() for entry in entries])
"""Metric classes, each made without arguments; see `synthmed.evaluation.metric.Metric`."""


def family_of(metric: str) -> str:
    """``"Other"`` for a third party's."""
    return next((family for family, names in FAMILIES.items() if metric in names), "Other")
