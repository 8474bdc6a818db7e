from __future__ import annotations

import pytest

from synthmed.data.assemble import Row
from synthmed.data.label_sets import MOST_SETS, label_sets
from synthmed.data.record import Record


def row(*labels: str) -> Row:
    return Row(Record("a", labels=labels), "")


def test_sets_are_counted_whatever_their_order_and_rows_without_labels_are_none() -> None:
    rows = [row("nodule", "mass"), row("mass", "nodule"), row("nodule"), row("no finding"), row(), row("no finding")]
    rows += [row("mass", "mass")]
    found = label_sets(rows)
    # Of one frequency by name; the empty set is "no finding".
    assert [labels for labels, _ in found] == [(), ("mass", "nodule"), ("mass",), ("nodule",)]
    assert [share for _, share in found] == pytest.approx([2 / 6, 2 / 6, 1 / 6, 1 / 6])
    assert label_sets([row()]) == ()


def test_the_rarest_sets_are_left_out() -> None:
    rows = [row(f"label {number:05d}") for number in range(MOST_SETS + 1)] * 2 + [row("often")] * 3
    found = label_sets(rows)
    assert len(found) == MOST_SETS
    assert found[0] == (("often",), pytest.approx(3 / len(rows)))
    assert (("label 02000",), 2 / len(rows)) not in found
