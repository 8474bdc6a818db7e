from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.evaluation.gates import Gate, Verdict, judge, parse_gate
from synthmed.evaluation.metric import Figure

NAMES = st.text("abcxyzKID_-09", min_size=1, max_size=8)
WORDS = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1, max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
BOUNDS = st.one_of(NUMBERS, st.sampled_from(["floor", "floor_low", "floor_high"]))
GATES = st.builds(
    Gate,
    NAMES,
    st.sampled_from(["<", "<=", ">", ">="]),
    BOUNDS,
    st.one_of(st.just(""), WORDS),
    st.lists(WORDS, max_size=2).map(tuple),
)


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("kid<0.05", Gate("kid", "<", 0.05)),
        ("copy_rate<=floor", Gate("copy_rate", "<=", "floor")),
        ("precision.recall@xray>=0.6", Gate("precision", ">=", 0.6, "recall", ("xray",))),
        (" bleu.BLEU-4 > 1e-2 ", Gate("bleu", ">", 0.01, "BLEU-4")),
        ("kid@mri.t2@lung mass<-1", Gate("kid", "<", -1.0, "", ("mri.t2", "lung mass"))),
        ('retrieval."text to image R@1"@xray>=.5', Gate("retrieval", ">=", 0.5, "text to image R@1", ("xray",))),
        ("copy_rate.sensitivity to flip>=0.95", Gate("copy_rate", ">=", 0.95, "sensitivity to flip")),
    ],
)
def test_forms(text: str, gate: Gate) -> None:
    assert parse_gate(text) == gate


@pytest.mark.parametrize(
    "text", ["", "kid", "kid<", "<1", "kid=1", "kid==1", "kid<nan", "kid<inf", "kid<flor", "kid.<1", "kid@<1", "a b<1"]
)
def test_other_forms_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(UserError, match="--require") as caught:
        parse_gate(text)
    assert "\n" not in str(caught.value)


@given(GATES)
def test_what_a_gate_prints_is_read_as_the_same_gate(gate: Gate) -> None:
    assert parse_gate(str(gate)) == gate


@given(st.text(st.sampled_from('kid.@"<>=0.5 floor\n-e'), max_size=20))
def test_any_text_is_a_gate_or_a_users_error(text: str) -> None:
    try:
        gate = parse_gate(text)
    except UserError:
        return
    assert parse_gate(str(gate)) == gate
    assert isinstance(gate.bound, str) or math.isfinite(gate.bound)


@given(NUMBERS, st.sampled_from(["<", "<=", ">", ">="]), NUMBERS)
def test_a_number_holds_as_python_has_it(value: float, operator: str, bound: float) -> None:
    (verdict,) = judge([Gate("kid", operator, bound)], [Figure("kid", value=value)])
    assert verdict.held == eval(f"{value!r} {operator} {bound!r}")


def figures() -> list[Figure]:
    return [
        Figure("kid", scope={"image": "xray"}, value=0.01, floor=0.02, floor_high=0.03, n=9),
        Figure("kid", scope={"image": "xray", "label": "mass"}, value=0.04, n=5),
        Figure("kid", scope={"image": "ct"}, value=None, note="too few rows"),
        Figure("psnr", scope={"image": "xray"}, value=30.0),
        Figure("psnr", "shuffled", {"image": "xray"}, value=10.0),
        Figure("fid", note="no real rows were given (--real)"),
    ]


def verdicts(text: str) -> list[tuple[str, bool]]:
    return [(verdict.found, verdict.held) for verdict in judge([parse_gate(text)], figures())]


def test_every_scope_must_hold_and_a_missing_value_misses() -> None:
    assert verdicts("kid<0.02") == [
        ("xray: 0.01 against 0.02 (n = 9)", True),
        ("xray, mass: 0.04 against 0.02 (n = 5)", False),
        ("ct: no value (too few rows)", False),
    ]
    assert verdicts("kid@xray<0.05") == [
        ("xray: 0.01 against 0.05 (n = 9)", True),
        ("xray, mass: 0.04 against 0.05 (n = 5)", True),
    ]
    assert verdicts("kid@mass@xray<0.02") == [("xray, mass: 0.04 against 0.02 (n = 5)", False)]


def test_a_floor_is_the_figures_own_and_must_be_there() -> None:
    assert verdicts("kid@xray<=floor") == [
        ("xray: 0.01 against floor 0.02 (n = 9)", True),
        ("xray, mass: 0.04, but there is no floor", False),
    ]
    assert verdicts("kid@xray<=floor_high")[0] == ("xray: 0.01 against floor_high 0.03 (n = 9)", True)


def test_without_a_part_it_is_the_figure_of_no_part() -> None:
    assert verdicts("psnr>20") == [("xray: 30 against 20 (n = 0)", True)]
    assert verdicts("psnr.shuffled>20") == [("xray: 10 against 20 (n = 0)", False)]


def test_what_is_not_there_is_missed_and_said() -> None:
    assert verdicts("psnr.mean>1") == [("no such figure; its parts: (none), shuffled; its scopes: xray", False)]
    assert verdicts("psnr@ct>1") == [("no such figure; its parts: (none), shuffled; its scopes: xray", False)]
    assert verdicts("vendi>1") == [("no such figure", False)]
    assert verdicts("fid.any>1") == [("no value (no real rows were given (--real))", False)]
    assert str(Verdict(parse_gate("kid<1"), "no such figure", False)) == "MISSED: kid<1.0: no such figure"
