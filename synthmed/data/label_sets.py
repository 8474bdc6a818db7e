"""Which labels go together, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from synthmed.data.assemble import Row
from synthmed.sample import NO_FINDING

MOST_SETS = 2000
"""Label sets that a model keeps; rarer ones could name a patient."""


def label_sets(rows: Sequence[Row]) -> tuple[tuple[tuple[str, ...], float], ...]:
    """The label sets of rows that have labels, by how often they occur, at most `MOST_SETS`."""
    counts = Counter(tuple(sorted(set(row.record.labels) - {NO_FINDING})) for row in rows if row.record.labels)
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_SETS]
    return tuple((labels, count / total) for labels, count in ordered)
