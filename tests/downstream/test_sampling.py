from __future__ import annotations

import numpy as np
import pytest
from downstream.toy import Bright, flat

from synthmed.downstream.rows import Rows
from synthmed.downstream.sampling import draw
from synthmed.downstream.tasks.classification import Classification
from synthmed.errors import UserError


def patients(n: int = 400) -> Rows:
    """Two to four rows a patient, a tenth of the patients bright."""
    rng = np.random.default_rng(0)
    levels, names = [], []
    for patient in range(n):
        for _ in range(int(rng.integers(2, 5))):
            levels.append(0.9 if patient % 10 == 0 else 0.1)
            names.append(f"p{patient}")
    return flat(levels, names)


@pytest.mark.parametrize("amount", [0.01, 0.1, 0.5, 100])
def test_patients_stay_whole_and_strata_keep_their_shares(amount: float | int) -> None:
    rows = patients()
    places = draw(rows, Bright(), amount, seed=3)
    inside = {rows.patients[place] for place in places}
    assert inside.isdisjoint({name for place, name in enumerate(rows.patients) if place not in set(places.tolist())})
    wanted = amount * len(rows) if isinstance(amount, float) else amount
    assert 0 <= len(places) - wanted + 0.5 < 4
    bright = sum(int(name[1:]) % 10 == 0 for name in inside)
    assert abs(bright - len(inside) / 10) <= 1


def test_a_larger_draw_holds_the_smaller_one_and_seeds_differ() -> None:
    rows = patients()
    small, large = (set(draw(rows, Bright(), amount, 1).tolist()) for amount in (0.05, 0.3))
    assert small < large
    assert small != set(draw(rows, Bright(), 0.05, 2).tolist())


def test_all_rows_are_drawn_by_a_share_of_one() -> None:
    rows = patients(20)
    assert draw(rows, Bright(), 1.0, 5).tolist() == list(range(len(rows)))
    assert draw(rows, Bright(), len(rows), 5).tolist() == list(range(len(rows)))


def test_the_rarest_name_of_a_patient_is_its_stratum() -> None:
    rng = np.random.default_rng(0)
    n = 1000
    truth = np.stack([rng.random(n) < 0.6, rng.random(n) < 0.05], axis=1).astype(np.uint8)
    base = flat([0.1] * n)
    rows = Rows(base.pixels, truth, base.patients, base.attributes, "")
    task = Classification("xray", ("common", "rare"))
    for seed in range(5):
        drawn = truth[draw(rows, task, 0.2, seed)]
        assert abs(drawn[:, 1].sum() - 0.2 * truth[:, 1].sum()) <= 1
        assert abs(drawn[:, 0].sum() - 0.2 * truth[:, 0].sum()) <= 5


@pytest.mark.parametrize("amount", [0, 0.0, 1.5, 0.0001, 10_000])
def test_an_amount_that_is_not_there_is_refused(amount: float | int) -> None:
    with pytest.raises(UserError, match="rows"):
        draw(patients(20), Bright(), amount, 0)
