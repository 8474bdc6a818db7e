"""This room's metrics, by where they are found."""

from __future__ import annotations

from typing import Any

from synthmed.registry import Entry

ENTRIES: tuple[Entry[Any], ...] = (
    Entry(
        "agreement",
        "judges trained on real rows see what the synthetic rows say",
        "synthmed.evaluation.agreement.agreement:Agreement",
    ),
    Entry(
        "retrieval",
        "texts find their images and images their texts, in an aligned space",
        "synthmed.evaluation.agreement.retrieval:Retrieval",
    ),
)
