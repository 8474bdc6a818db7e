from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from downstream.suite.made import BIG, ELASTIC, KEY, both_settings, cell, cells, right, run
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from synthmed.downstream.resample import row_interval
from synthmed.downstream.suite.comparisons import DRAWS, compare, holm


def test_holm_is_the_textbooks() -> None:
    """R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_bonferronis_closed_test(p: list[float]) -> None:
    """The largest Bonferroni p of all sets of hypotheses that hold one (Marcus, Peritz and Gabriel 1976)."""
    n = len(p)
    sets = [chosen for size in range(1, n + 1) for chosen in combinations(range(n), size)]
    closed = [
        max(min(1.0, len(chosen) * min(p[place] for place in chosen)) for chosen in sets if own in chosen)
        for own in range(n)
    ]
    assert holm(p) == pytest.approx(closed)


def test_a_line_has_scipys_t_and_holm_over_its_table() -> None:
    gained = {"mixed-1": (0.05, 0.06, 0.08), "mixed-5": (-0.01, 0.02, 0.03), "pretrained": (-0.1, -0.12, -0.11)}
    (found,) = compare(run(cells(gained)))
    lines = {line.arm: line for line in found.lines if line.gain}
    expected = {arm: stats.ttest_1samp(values, 0) for arm, values in gained.items()}
    for arm, line in lines.items():
        assert line.effect is not None
        interval = expected[arm].confidence_interval(0.95)
        assert (line.effect.low, line.effect.high) == pytest.approx((interval.low, interval.high))
    smallest = sorted(gained, key=lambda arm: expected[arm].pvalue)
    assert lines[smallest[0]].holm == pytest.approx(3 * expected[smallest[0]].pvalue)
    assert lines[smallest[1]].holm == pytest.approx(2 * expected[smallest[1]].pvalue)
    assert [(line.amount, line.arm) for line in found.lines] == [
        (0.1, "real"), (0.1, "mixed-1"), (0.1, "mixed-5"), (0.1, "pretrained"), (1.0, "real"),
    ]  # fmt: skip
    assert (found.full, found.trained, found.key) == (pytest.approx(0.95), True, KEY)


def test_tables_are_of_one_setting_and_one_generator() -> None:
    other = [cell("mixed-1", seed, 0.99, generator="other") for seed in range(2)]
    made = run(
        [*both_settings(cells({"mixed-1": (0.1, 0.12)})), *other],
        ELASTIC, BIG, type(ELASTIC)("other", "place", "strict"), type(ELASTIC)("idle", "place", "strict"),
    )  # fmt: skip
    found = compare(made)
    assert [each.generator.name for each in found if each.generator] == ["elastic", "big", "other"]
    for each in found:
        assert each.generator is not None
        mine = [one for line in each.lines for one in line.cells]
        assert {one.setting for one in mine} == {each.generator.setting}
        assert {one.generator for one in mine} == {"", each.generator.name}
        assert len(mine) == 6
        assert len(each.effects) == 1


def test_only_real_arms_have_a_table_without_a_generator() -> None:
    (found,) = compare(run([cell("real", 0, 0.95, 1.0), cell("real-augmented", 0, 0.97, 1.0)]))
    assert found.generator is None
    assert [line.arm for line in found.lines] == ["real", "real-augmented"]
    assert compare(run([])) == ()


def test_the_interval_over_rows_is_of_the_seeds_that_both_have() -> None:
    made = cells({"mixed-1": (0.05, 0.2, 0.3)})
    predictions = right(made)
    made = [one if (one.arm, one.seed) != ("mixed-1", 0) else cell("mixed-1", 0, math.nan) for one in made]
    whole = run(made, predictions=predictions)
    (found,) = compare(whole)
    line = next(line for line in found.lines if line.arm == "mixed-1")
    said = {one.key: whole.predictions[one.key] for one in made}
    expected = row_interval(
        whole.tasks[KEY],
        [said[cell("mixed-1", seed, 0).key] for seed in (1, 2)],
        [said[cell("real", seed, 0).key] for seed in (1, 2)],
        whole.tests[KEY],
        draws=DRAWS,
    )
    assert line.over_rows == expected
    assert expected.low is not None
    assert line.effect is not None
    assert line.effect.seeds == 2
    assert line.values == pytest.approx((0.9, 1.0))
    assert next(line for line in compare(run(made))[0].lines if line.arm == "mixed-1").over_rows is None


def test_figures_that_are_not_finite_are_missing_and_one_seed_has_no_p() -> None:
    nan = cell("mixed-2", 0, math.inf, scores={"accuracy": math.nan, "other": np.float32(0.5)})
    (found,) = compare(run([*cells({"mixed-1": (0.1,)}), nan]))
    lines = {line.arm: line for line in found.lines if line.gain}
    assert (lines["mixed-2"].values, lines["mixed-2"].effect) == ((), None)
    assert lines["mixed-2"].cells[0].scores == {"accuracy": None, "other": 0.5}
    one = lines["mixed-1"]
    assert one.effect is not None
    assert (one.effect.p, one.holm, one.effect.low) == (None, None, None)


def test_a_number_of_rows_is_another_amount_than_a_share() -> None:
    made = [*cells({"mixed-1": (0.1, 0.2)}), *(cell("mixed-1", seed, 0.1, 1) for seed in range(2))]
    (found,) = compare(run([*made, *(cell("real", seed, 0.05, 1) for seed in range(2))]))
    assert [(type(line.amount), line.arm) for line in found.lines] == [
        (int, "real"), (int, "mixed-1"), (float, "real"), (float, "mixed-1"), (float, "real"),
    ]  # fmt: skip
    assert found.full == pytest.approx(0.95)
