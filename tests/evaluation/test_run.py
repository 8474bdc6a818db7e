"""Metrics run one by one, are left out with a reason, and are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.corpora import MemoryCorpus
from helpers.embedders import Grid

from synthmed.errors import UserError
from synthmed.evaluation import METRICS, family_of
from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.kept import Kept, parameters, record, refuse_others
from synthmed.evaluation.metric import Context, Figure
from synthmed.evaluation.needs import Found
from synthmed.evaluation.results import Outcome
from synthmed.evaluation.run import chosen, run_metrics
from synthmed.registry import Entry

CALLS: list[str] = []


@dataclass(frozen=True)
class Fake:
    """Gives its own size, then what ``end`` says."""

    size: int = 3
    end: str = ""
    needs: frozenset[Any] = frozenset()
    name = "fake"
    summary = "a metric for tests"
    goal = "low"
    range = (0.0, float("inf"))
    source = "here"

    def __call__(self, context: Context) -> Iterator[Figure]:
        CALLS.append(self.end)
        yield Figure("fake", value=np.float64(self.size), n=len(context.synthetic))  # type: ignore[arg-type]  # as NumPy gives
        if self.end == "user":
            raise UserError("row 7 cannot be read")
        if self.end == "bug":
            raise ZeroDivisionError


@dataclass(frozen=True)
class Known:
    """A judge or a space, as far as a record goes."""

    digest: str
    name: str = "known"


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Fake]:
    CALLS.clear()
    found = {
        "good": Fake(),
        "stops": Fake(end="user"),
        "breaks": Fake(end="bug"),
        "needy": Fake(needs=frozenset({"real", "embedder"})),
    }
    METRICS.names()
    for name in found:
        monkeypatch.setitem(METRICS._entries, name, Entry(name, "", lambda name=name: found[name]))
    return found


def corpus(n: int = 6, seed: int = 0) -> MemoryCorpus:
    return MemoryCorpus({"xray": np.random.default_rng(seed).random((n, 1, 8, 8), np.float32)})


def kept(context: Context, out: Path, **options: bool) -> Kept:
    return Kept(out, record(context), **options)


def test_all_of_the_rooms_are_registered_once_with_a_family() -> None:
    from synthmed.evaluation import FAMILIES

    for family, names in FAMILIES.items():
        for name in names:
            assert METRICS.get(name)().name == name
            assert family_of(name) == family
    assert family_of("someone's") == "Other"
    assert len({name for names in FAMILIES.values() for name in names}) == sum(map(len, FAMILIES.values()))


def test_one_stops_one_is_left_out_and_the_rest_go_on(fakes: dict[str, Fake], tmp_path: Path) -> None:
    context, told = Context(corpus()), list[Any]()
    outcomes = run_metrics(
        context,
        kept(context, tmp_path),
        ["stops", "needy", "good"],
        reasons={"embedder": "it taught"},
        on_metric=told.append,
        on_figure=told.append,
        on_outcome=lambda outcome: told.append(outcome.metric.upper()),
    )
    figure = Figure("fake", value=3.0, n=6)
    stopped, needy, good = outcomes
    assert stopped.figures == (figure, Figure("stops", note="row 7 cannot be read"))
    assert needy.figures == (Figure("needy", note="it taught; no real rows were given (--real)"),)
    assert good == Outcome("good", "a metric for tests", "low", (0.0, None), "here", (figure,))
    assert told == ["stops", figure, "STOPS", "needy", "NEEDY", "good", figure, "GOOD"]


def test_what_is_no_users_error_is_raised(fakes: dict[str, Fake], tmp_path: Path) -> None:
    context = Context(corpus())
    with pytest.raises(ZeroDivisionError):
        run_metrics(context, kept(context, tmp_path), ["good", "breaks"])
    CALLS.clear()
    run_metrics(context, kept(context, tmp_path), ["good"])
    assert CALLS == []


def test_a_finished_metric_is_not_computed_again_unless_it_or_its_file_changed(
    fakes: dict[str, Fake], tmp_path: Path
) -> None:
    context = Context(corpus())
    first = run_metrics(context, kept(context, tmp_path), ["good", "stops"])
    assert CALLS == ["", "user"]
    again = run_metrics(context, kept(context, tmp_path), ["good", "stops"])
    assert CALLS == ["", "user", "user"]
    assert again == first
    fakes["good"] = Fake(size=4)
    assert run_metrics(context, kept(context, tmp_path), ["good"])[0].figures[0].value == 4
    file = tmp_path / "figures" / "good.json"
    file.write_text(file.read_text().replace('"n": 6', '"m": 6'))
    assert run_metrics(context, kept(context, tmp_path), ["good"])[0].figures[0].n == 6
    assert CALLS == ["", "user", "user", "", ""]


def test_a_metric_with_other_parameters_stands_in_the_registrys_place(fakes: dict[str, Fake], tmp_path: Path) -> None:
    context = Context(corpus())
    for size in (5, 5, 3):
        own = {"good": Fake(size)}
        (outcome,) = run_metrics(context, kept(context, tmp_path), ["good"], made=own)
        assert outcome.figures[0].value == size
    assert CALLS == ["", ""]


def test_what_is_kept_of_other_metrics_stays_in_the_report(fakes: dict[str, Fake], tmp_path: Path) -> None:
    context = Context(corpus())
    run_metrics(context, kept(context, tmp_path), ["good"])
    outcomes = run_metrics(context, kept(context, tmp_path), ["needy"])
    assert [outcome.metric for outcome in outcomes] == ["needy", "good"]
    assert CALLS == [""]


def test_another_runs_folder_is_refused_and_replaced_when_told(fakes: dict[str, Fake], tmp_path: Path) -> None:
    context = Context(corpus())
    run_metrics(context, kept(context, tmp_path), ["good"])
    with pytest.raises(UserError, match=r"another run \(other limit, seed\); name another --out"):
        kept(replace(context, seed=1, limit=9), tmp_path)
    with pytest.raises(UserError, match=r"other synthetic"):
        kept(replace(context, synthetic=corpus(seed=1)), tmp_path)
    with pytest.raises(UserError, match=r"other embedder"):
        kept(replace(context, embedder=Grid()), tmp_path)
    assert kept(context, tmp_path).names() == {"good"}
    other = kept(replace(context, seed=1), tmp_path, overwrite=True)
    assert other.names() == set()
    with pytest.raises(UserError, match="seed"):
        kept(context, tmp_path)


def test_another_judge_space_or_parser_is_another_run(tmp_path: Path) -> None:
    context = Context(corpus(), judges={("classification", "xray"): Known("one")}, space=Known("two"), parser=str.split)
    kept(context, tmp_path)
    kept(replace(context, judges={("classification", "xray"): Known("one")}), tmp_path)
    for changed, said in (
        ({"judges": {("classification", "xray"): Known("other")}}, "judges"),
        ({"judges": {("detection", "xray"): Known("one")}}, "judges"),
        ({"space": Known("one")}, "space"),
        ({"parser": str.upper}, "parser"),
        ({"judges": {}, "parser": None}, "judges, parser"),
    ):
        with pytest.raises(UserError, match=rf"\(other {said}\)"):
            kept(replace(context, **changed), tmp_path)
    refuse_others(tmp_path, record(replace(context, judges={})), but=("judges",))
    with pytest.raises(UserError, match=r"\(other seed\)"):
        refuse_others(tmp_path, record(replace(context, judges={}, seed=1)), but=("judges",))


def test_a_judge_and_a_space_may_be_added_and_only_what_needs_them_runs_anew(
    fakes: dict[str, Fake], tmp_path: Path
) -> None:
    one, two = {("classification", "xray"): Known("one")}, {("detection", "xray"): Known("two")}
    fakes["good"] = replace(fakes["good"], end="good")
    fakes["needy"] = replace(fakes["needy"], end="needy", needs=frozenset({"judges"}))
    context = Context(corpus())
    for judges, expected in ((None, ["good"]), (one, ["needy"]), (one | two, ["needy"]), (one | two, [])):
        context = replace(context, judges=judges or {}, space=Known("space") if judges else None)
        CALLS.clear()
        outcomes = run_metrics(context, kept(context, tmp_path), ["good", "needy"])
        assert expected == CALLS
        assert bool(outcomes[1].left_out) == (judges is None)
    with pytest.raises(UserError, match=r"\(other judges\)"):
        kept(replace(context, judges=two), tmp_path)


def test_files_of_someone_elses_are_refused_and_left(tmp_path: Path) -> None:
    (tmp_path / "images.png").write_text("mine")
    with pytest.raises(UserError, match="no report"):
        kept(Context(corpus()), tmp_path)
    with pytest.raises(UserError, match="no folder"):
        kept(Context(corpus()), tmp_path / "images.png")
    assert [path.name for path in tmp_path.iterdir()] == ["images.png"]


def test_an_unknown_metric_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'kid'"):
        chosen(["kidd"])
    assert chosen(["kid", "fid", "kid"]) == ["kid", "fid"]
    assert chosen() == METRICS.names()


def test_parameters_name_functions_and_nest() -> None:
    assert parameters({"a": (1, corpus), "b": Fake(needs=frozenset("yx"))}) == {
        "a": [1, f"{__name__}:corpus"],
        "b": {"size": 3, "end": "", "needs": ["x", "y"]},
    }


def test_needs_are_looked_for_in_the_rows() -> None:
    images = np.zeros((3, 1, 8, 8), np.float32)
    facts = [Facts("0"), Facts("1", labels_by_image={"xray": ("mass",)}), Facts("2", prompt="a film")]
    rows = MemoryCorpus({"xray": images}, masks={"xray": np.ones((3, 8, 8), np.uint8)}, facts=facts)
    found = Found(Context(rows, real=rows))
    assert found.missing(frozenset({"labels", "prompt", "mask", "real"})) == ""
    assert found.missing({"boxes"}) == "no synthetic row has boxes"
    assert found.missing({"report", "train"}) == (
        "no synthetic row has a report; the generator's training rows were not given (--train)"
    )
    assert "judges" in found.missing({"judges"})
