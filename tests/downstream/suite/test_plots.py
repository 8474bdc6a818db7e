from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmed.downstream.suite.plots import Estimate, forest

SVG = "{http://www.w3.org/2000/svg}"


def places(svg: str) -> dict[str, list[float]]:
    """Where dots and squares stand, and what the ticks say."""
    tree = ET.fromstring(svg)
    dots = [float(dot.attrib["cx"]) for dot in tree.iter(f"{SVG}circle")]
    squares = [float(r.attrib["x"]) + 4.5 for r in tree.iter(f"{SVG}rect") if r.attrib["width"] == "9"]
    ticks = {}
    for text in tree.iter(f"{SVG}text"):
        if text.attrib.get("text-anchor") == "middle":
            try:
                ticks[float(text.text or "")] = float(text.attrib["x"])
            except ValueError:
                continue
    return {"dots": dots, "squares": squares, "values": list(ticks), "at": list(ticks.values())}


def test_marks_stand_on_the_axis_where_their_numbers_are() -> None:
    svg = forest([Estimate("a", 0.1, 0.05, 0.15, (0.02, 0.2)), Estimate("b", -0.2, -0.3, -0.1)], "gain")
    found = places(svg)
    slope = (found["at"][-1] - found["at"][0]) / (found["values"][-1] - found["values"][0])
    zero = found["at"][found["values"].index(0)]
    assert found["dots"] == pytest.approx([zero + 0.1 * slope], abs=0.1)
    assert found["squares"] == pytest.approx([zero - 0.2 * slope], abs=0.1)
    for value, x in zip(found["values"], found["at"], strict=True):
        assert x == pytest.approx(zero + value * slope, abs=0.1)
    assert max(found["values"]) >= 0.3


def test_an_interval_beyond_what_can_be_is_cut_without_a_cap() -> None:
    wide, narrow = forest([Estimate("a", 0.1, -3, 5)], "x"), forest([Estimate("a", 0.1, -0.9, 0.9)], "x")
    assert max(places(wide)["values"]) == 1
    assert wide.count("v8") == 0
    assert narrow.count("v8") == 2


def test_words_are_escaped_and_nothing_is_an_error_of_the_caller() -> None:
    svg = forest([Estimate("<script>", 0.0, words="a & b")], "x < y")
    assert "<script" not in svg
    assert {"<script>", "a & b", "x < y"} <= {text.text for text in ET.fromstring(svg).iter(f"{SVG}text")}
    with pytest.raises(ValueError, match="needs an estimate"):
        forest([], "x")


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 3)), min_size=1, max_size=4))
def test_any_differences_have_an_axis(numbers: list[tuple[float, float]]) -> None:
    svg = forest([Estimate("a", mean, mean - half, mean + half) for mean, half in numbers], "x")
    found = places(svg)
    assert 3 <= len(found["values"]) <= 11
    marks = [*found["dots"], *found["squares"]]
    assert len(marks) == len(numbers)
    assert all(found["at"][0] - 0.2 <= x <= found["at"][-1] + 0.2 for x in marks)
