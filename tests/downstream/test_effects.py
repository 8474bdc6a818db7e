from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from downstream.toy import Bright, flat
from scipy import stats

from synthmed.downstream.arms import ARMS, REAL
from synthmed.downstream.cell import Cell, Data, run_cell
from synthmed.downstream.effects import gains, paired
from synthmed.downstream.fit import FitSettings
from synthmed.downstream.resample import row_interval
from synthmed.downstream.subgroups import groups, scores
from synthmed.errors import UserError


def cell(arm: str, seed: int, value: float | None, amount: float | int = 0.1, **changes: object) -> Cell:
    base = Cell("s", "classification", "xray", arm, amount, seed, "strict", "auroc", value, 0.9)
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


FULL = [cell("real", seed, 0.95, 1.0) for seed in range(3)]


def test_a_paired_effect_is_scipys() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.8, 0.02, 5), rng.normal(0.75, 0.02, 5)
    found = paired(dict(enumerate(one)), dict(enumerate(other)))
    expected = stats.ttest_rel(one, other)
    interval = expected.confidence_interval(0.95)
    assert found.mean == pytest.approx((one - other).mean())
    assert found.spread == pytest.approx(np.std(one - other, ddof=1))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(expected.pvalue)
    assert found.boot_low is not None
    assert found.boot_high is not None
    assert (one - other).min() <= found.boot_low < found.mean < found.boot_high <= (one - other).max()


def test_only_shared_seeds_count_and_one_seed_has_no_interval() -> None:
    found = paired({1: 0.9, 2: 0.8}, {2: 0.7, 3: 0.1})
    assert (found.mean, found.seeds) == (pytest.approx(0.1), 1)
    assert (found.spread, found.low, found.p, found.boot_low) == (None, None, None, None)
    with pytest.raises(ValueError, match="no seed"):
        paired({1: 0.9}, {2: 0.7})


@pytest.mark.parametrize(
    ("gained", "verdict"),
    [((0.05, 0.06, 0.07), "gain"), ((-0.05, -0.06, -0.07), "loss"), ((-0.1, 0.1, 0), "not shown")],
)
def test_the_verdict_is_the_t_intervals(gained: tuple[float, ...], verdict: str) -> None:
    cells = FULL + [cell("real", seed, 0.7) for seed in range(3)]
    cells += [cell("mixed-1", seed, 0.7 + value) for seed, value in enumerate(gained)]
    (found,) = gains(cells)
    assert (found.verdict, found.arm, found.amount) == (verdict, "mixed-1", 0.1)
    assert found.effect is not None
    assert found.effect.mean == pytest.approx(np.mean(gained))


def test_what_is_not_learnt_with_all_real_rows_has_no_gain() -> None:
    cells = [cell("real", 0, 0.7), cell("mixed-1", 0, 0.9), cell("real", 1, 0.7), cell("mixed-1", 1, 0.95)]
    (unknown,) = gains(cells)
    (below,) = gains([*cells, cell("real", 0, 0.85, 1.0), cell("real", 1, 0.93, 1.0)])
    assert unknown.effect is below.effect is None
    assert unknown.verdict == below.verdict == "not trained"
    assert "0.890, below 0.9" in below.note


def test_settings_and_kinds_of_amount_are_never_mixed() -> None:
    released = [replace(one, setting="released") for one in FULL]
    cells = FULL + released + [cell("real", 0, 0.5), cell("real", 1, 0.5), cell("mixed-1", 0, 0.9, setting="released")]
    (found,) = gains(cells)
    assert (found.setting, found.effect, found.verdict) == ("released", None, "not shown")
    rows = gains([*FULL, cell("real", 0, 0.5, 1), cell("mixed-1", 0, 0.6, 1.0)])
    assert rows[0].effect is not None
    assert rows[0].effect.mean == pytest.approx(0.6 - 0.95)


def test_a_value_that_is_missing_is_no_pair() -> None:
    (found,) = gains([*FULL, cell("real", 0, None), cell("mixed-1", 0, 0.9)])
    assert found.effect is None


def rows(n: int = 60) -> Data:
    levels = np.random.default_rng(0).uniform(0.05, 0.95, n)
    attributes = [{"age": 20 + place, "sex": "FM"[place % 2]} for place in range(n)]
    patients = [f"p{place // 2}" for place in range(n)]
    return Data(flat(levels.tolist(), patients), flat(levels.tolist(), patients, attributes), flat(levels.tolist()))


def test_a_cell_says_what_it_rests_on() -> None:
    settings = FitSettings(steps=30, batch_size=8, learning_rate=0.3)
    found = {}
    for arm in ARMS:
        one, said = run_cell(Bright(), arm, rows(), settings, amount=0.5, seed=1, setting="strict", suite="toy")
        assert len(said) == one.test_rows == 60
        assert Cell.from_json(json.loads(json.dumps(one.to_json(), allow_nan=False)), "cell") == one
        found[arm.name] = (one.real_rows, one.synthetic_rows)
        assert one.key == f"classification-xray-strict-0.5-{arm.name}-seed1"
    assert found == {
        "real": (30, 0),
        "real-augmented": (30, 0),
        "synthetic": (0, 60),
        "mixed-0.5": (30, 15),
        "mixed-1": (30, 30),
        "mixed-2": (30, 60),
        "mixed-5": (30, 60),
        "pretrained": (30, 60),
    }
    full, _ = run_cell(Bright(), REAL, rows(), settings, amount=1.0, seed=1, setting="strict")
    assert full.value is not None
    assert full.value > 0.9
    assert "accuracy@sex=F" in full.scores
    assert full.key == "classification-xray-strict-1-real-seed1"
    counted, _ = run_cell(Bright(), REAL, rows(), settings, amount=1, seed=1, setting="strict")
    assert counted.key == "classification-xray-strict-n1-real-seed1"


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"setting": "lucky"}, "setting"), ({"seed": "x"}, "seed"), ({"value": "high"}, "value"), ({"arm": None}, "arm")],
)
def test_a_cell_that_is_none_is_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=f"a.json: {message}"):
        Cell.from_json({**FULL[0].to_json(), **changed}, "a.json")
    with pytest.raises(UserError, match=r"a\.json"):
        Cell.from_json([], "a.json")


def test_a_share_and_a_number_of_rows_stay_apart_in_json() -> None:
    for amount in (1, 1.0):
        again = Cell.from_json(json.loads(json.dumps(cell("real", 0, 0.5, amount).to_json())), "")
        assert type(again.amount) is type(amount)


def test_subgroups_are_scored_alone_and_small_ones_left_out() -> None:
    test = rows().test
    said = np.asarray(test.truth).astype(float)
    said[1::2] = 1 - said[1::2]
    found = scores(Bright(), said, test)
    assert found["accuracy@sex=F"] == 1
    assert found["accuracy@sex=M"] == 0
    assert found["accuracy"] == 0.5
    assert "accuracy@age=65 and over" not in found
    assert {name: len(places) for name, places in groups(test.attributes, "age").items()} == {
        "under 40": 20,
        "40 to 64": 25,
        "65 and over": 15,
    }
    assert groups([{"age": -1}, {"age": "old"}, {}], "age").keys() == {"old"}


def test_the_interval_over_rows_keeps_patients_whole() -> None:
    """Two of four patients gain all of their rows: the mean gain of a draw of patients is one of five numbers."""
    test = flat([0.9] * 8, [f"p{place // 2}" for place in range(8)])
    right, wrong = np.ones((8, 1)), np.zeros((8, 1))
    half = np.array([[1.0]] * 4 + [[0.0]] * 4)
    assert row_interval(Bright(), [right, right], [wrong, wrong], test).low == 1
    assert row_interval(Bright(), [right], [right], test).high == 0
    drawn = row_interval(Bright(), [half], [wrong], test, draws=400)
    assert (drawn.low, drawn.high) == (0, 1)
    with pytest.raises(ValueError, match="one each a seed"):
        row_interval(Bright(), [right], [], test)
