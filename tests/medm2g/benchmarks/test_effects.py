"""Effects of switches, against SciPy's own intervals and sums by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from ablation_scores import FIGURES
from ablation_tables import table_of_effects, table_of_rows
from effects import SWITCHES, Row, as_json, effect
from scipy import stats


def rows(seeds: int, noise: float = 0.0) -> dict[Row, float]:
    """CA adds 2, VI takes 1 and LCAG adds 3 where there is CA; the seeds differ by far more."""
    rng = np.random.default_rng(5)
    values = {}
    for ca, vi, lcag, seed in product((False, True), (False, True), (False, True), range(seeds)):
        values[ca, vi, lcag, seed] = 100.0 * seed + 2 * ca - vi + 3 * (ca and lcag) + noise * rng.standard_normal()
    return values


def test_an_effect_is_the_mean_of_paired_differences() -> None:
    values = rows(3)
    found = {switch: effect(values, switch) for switch in SWITCHES}
    assert {switch: one.mean for switch, one in found.items()} == {"CA": 3.5, "VI": -1.0, "LCAG": 1.5}
    # Without noise all seeds agree.
    assert all(one.spread == 0 and one.shown and one.seeds == 3 for one in found.values())


def test_the_interval_is_that_of_the_one_sample_t_test() -> None:
    values = rows(4, noise=2.0)
    for place, switch in enumerate(SWITCHES):
        means = []
        for seed in range(4):
            on = [value for row, value in values.items() if row[3] == seed and row[place]]
            off = [value for row, value in values.items() if row[3] == seed and not row[place]]
            means.append(np.mean(on) - np.mean(off))
        interval = stats.ttest_1samp(means, 0).confidence_interval(0.95)
        one = effect(values, switch)
        assert (one.low, one.high) == pytest.approx((interval.low, interval.high))
        assert one.spread == pytest.approx(np.std(means, ddof=1))
        assert one.shown == (stats.ttest_1samp(means, 0).pvalue < 0.05)


def test_what_is_equal_or_of_one_seed_is_not_shown() -> None:
    values = dict.fromkeys(rows(3), 0.7)
    assert not effect(values, "LCAG").shown
    one = effect(rows(1), "CA")
    assert (one.mean, one.shown, one.seeds) == (3.5, False, 1)
    kept = as_json({"x": {"CA": one}})["x"]["CA"]
    assert kept["low"] is kept["high"] is kept["spread"] is None
    unknown = {**rows(2), (True, False, False, 0): float("nan")}
    assert not effect(unknown, "CA").shown


def test_the_tables_have_eight_rows_and_each_effect() -> None:
    values = rows(3, noise=0.1)
    by_row = {row: dict.fromkeys(FIGURES, value) for row, value in values.items()}
    lines = table_of_rows(by_row, FIGURES).splitlines()
    assert len(lines) == 10
    assert lines[2].startswith("| – | – | – | ")
    assert lines[-1].startswith("| ✓ | ✓ | ✓ | ")
    assert all(line.count("|") == 4 + len(FIGURES) for line in lines)
    effects = {"text→CT": {switch: effect(values, switch) for switch in SWITCHES}}
    text = table_of_effects(effects).splitlines()
    assert len(text) == 5
    assert text[2].endswith("| shown |")
