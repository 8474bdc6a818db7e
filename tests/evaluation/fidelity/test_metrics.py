"""The feature metrics on corpora: what they are taken over, and that a floor stands beside each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.corpora import MemoryCorpus
from helpers.embedders import Grid

from synthmed.errors import UserError
from synthmed.evaluation.corpora.groups import halves
from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.fidelity.deals import deals
from synthmed.evaluation.fidelity.entries import ENTRIES
from synthmed.evaluation.fidelity.fid import FID
from synthmed.evaluation.fidelity.kid import KID
from synthmed.evaluation.fidelity.neighbours import DensityCoverage, PrecisionRecall
from synthmed.evaluation.metric import Context, Figure
from synthmed.registry import resolve


def rows(n: int, seed: int, *, dark: float = 0.0, labels: bool = True, patients: int = 0) -> MemoryCorpus:
    """Noise of a brightness that differs between images; every third row shows a mass."""
    rng = np.random.default_rng(seed)
    pixels = rng.random((n, 1, 8, 8)) * 0.4 + rng.random((n, 1, 1, 1)) * 0.6 - dark
    facts = [
        Facts(str(i), patient=f"p{i % patients}" if patients else "", labels=("mass",) if labels and i % 3 == 0 else ())
        for i in range(n)
    ]
    return MemoryCorpus({"xray": pixels.clip(0, 1).astype(np.float32)}, facts=facts)


def run(metric: object, tmp_path: Path, made: MemoryCorpus, real: MemoryCorpus, limit: int = 5000) -> list[Figure]:
    assert callable(metric)
    return list(metric(Context(made, real, cache=tmp_path, embedder=Grid(), limit=limit)))


@pytest.mark.parametrize("metric", [KID(), FID()])
def test_distance_of_equal_sets_is_the_floors_and_of_darker_ones_is_not(metric: object, tmp_path: Path) -> None:
    real = rows(360, 0)
    same, dark = (run(metric, tmp_path, rows(360, 1, dark=shade), real) for shade in (0.0, 0.3))
    assert [figure.scope for figure in same] == [{"image": "xray"}, {"image": "xray", "label": "mass"}]
    for good, bad in zip(same, dark, strict=True):
        assert None not in (good.value, good.low, good.floor, good.floor_low, bad.low)
        assert good.low <= good.floor_high  # type: ignore[operator]  # not None, by the line above
        assert bad.low > bad.floor_high  # type: ignore[operator]  # the same
        assert good.floor == bad.floor
        assert good.extractor == "grid-4"
        assert good.n == (180 if len(good.scope) == 1 else 60)
        assert "cut from" in good.note
        assert "by row, since patients are not told apart" in good.note


def test_neighbours_of_equal_and_of_darker_sets(tmp_path: Path) -> None:
    real = rows(200, 0, labels=False)
    same = [
        *run(PrecisionRecall(), tmp_path, rows(100, 1), real),
        *run(DensityCoverage(), tmp_path, rows(100, 1), real),
    ]
    assert [figure.part for figure in same] == ["precision", "recall", "density", "coverage"]
    dark = run(PrecisionRecall(), tmp_path, rows(100, 1, dark=0.3), real)
    for figure in same:
        assert figure.value == pytest.approx(figure.floor, abs=0.25)
        assert figure.low <= figure.value <= figure.high  # type: ignore[operator]
    assert dark[0].high < same[0].low  # type: ignore[operator]
    (first, _) = run(PrecisionRecall(), tmp_path, rows(100, 1), real, limit=30)
    assert first.n == 30
    assert "a random choice" in first.note


def test_kid_averages_disjoint_subsets(tmp_path: Path) -> None:
    made, real = rows(100, 1, labels=False), rows(200, 0, labels=False)
    (figure,) = run(KID(size=30, subsets=3), tmp_path, made, real)
    assert figure.n == 90
    assert figure.value == pytest.approx(run(KID(), tmp_path, made, real)[0].value, abs=0.02)


def test_halves_are_disjoint_and_of_different_patients() -> None:
    real = rows(90, 0, patients=7)
    context = Context(rows(90, 1), real, seed=3)
    for deal in deals(context, "kid"):
        assert not set(deal.reference) & set(deal.other)
        people = [{int(place) % 7 for place in places} for places in (deal.reference, deal.other)]
        assert not people[0] & people[1]
        assert "of different patients" in deal.note
        assert len(deal.synthetic) == len(deal.reference) == len(deal.other) == deal.n > 20
    again = next(deals(context, "kid"))
    np.testing.assert_array_equal(again.synthetic, next(deals(context, "fid")).synthetic)


def test_one_patient_with_most_rows() -> None:
    codes = np.array([0] * 50 + [1] * 3, np.int32)
    one, other, by_patient = halves(codes, np.arange(53), np.random.default_rng(0))
    assert by_patient
    assert sorted(map(len, (one, other))) == [3, 50]
    single, rest, by_patient = halves(np.zeros(9, np.int32), np.arange(9), np.random.default_rng(0))
    assert (len(single), len(rest), by_patient) == (4, 5, False)


def test_too_few_rows_and_nothing_in_common(tmp_path: Path) -> None:
    (figure,) = run(KID(), tmp_path, rows(5, 0), rows(3, 1))
    assert figure.value is None
    assert "at least 2 and 4" in figure.note
    few = run(PrecisionRecall(), tmp_path, rows(5, 0), rows(8, 1))
    assert [(figure.part, figure.value) for figure in few] == [("precision", None), ("recall", None)]
    assert "more than k = 5" in few[0].note
    with pytest.raises(UserError, match="nothing is in both"):
        run(KID(), tmp_path, rows(5, 0), MemoryCorpus({"mri": np.zeros((4, 1, 8, 8), np.float32)}))
    with pytest.raises(UserError, match="--real"):
        list(FID()(Context(rows(5, 0), cache=tmp_path, embedder=Grid())))


def test_entries_are_metrics() -> None:
    for entry in ENTRIES:
        metric = resolve(str(entry.load))()  # type: ignore[operator]  # a class
        assert metric.name == entry.name
        assert metric.summary == entry.summary
        assert metric.goal in ("low", "high", "real")
        assert metric.range[0] < metric.range[1]
        assert metric.source
        assert "real" in metric.needs
