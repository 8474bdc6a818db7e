from __future__ import annotations

import base64
import re

import pytest
from downstream.suite.made import BIG, ELASTIC, KEY, both_settings, cell, cells, right, run

from synthmed.downstream.suite.comparisons import compare
from synthmed.downstream.suite.outcome import Check, GeneratorFacts, GuardReport, SuiteRun
from synthmed.downstream.suite.report import guard, sections, terminal_sections, title
from synthmed.report.html import page, text

GAINED = {"mixed-1": (0.05, 0.06, 0.08), "mixed-5": (0.0, 0.1, -0.1)}
PHRASE = "gain from little data"


def html(made: SuiteRun) -> str:
    return page(title(made), sections(made, compare(made)))


def section(page: str, heading: str) -> str:
    (found,) = (part for part in page.split("<section>") if part.startswith(f"<h2>{heading}"))
    return found


def test_a_strict_table_says_so_and_draws_its_differences() -> None:
    made = cells(GAINED)
    said = section(html(run(made, predictions=right(made))), "classification, xray: elastic")
    assert PHRASE in said
    assert "<td>0.763\u00a0±\u00a00.015</td>" in said
    assert "8 real test rows of 4 patients" in said
    assert "Seeds: 0, 1, 2;" in said
    assert "2 comparisons in this table, 2 in this report" in said
    assert "Verdicts of a difference: 1, of which 1 stay below p 0.05 after Holm." in said
    data = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', said)
    assert data is not None
    svg = base64.b64decode(data[1]).decode()
    assert "mixed-1, 10 %" in svg
    assert "+0.063, gain" in svg
    assert svg.count('fill="#e3e3ea"') == 2


def test_settings_have_tables_of_their_own_and_only_strict_is_a_gain_from_little_data() -> None:
    made = run(both_settings(cells(GAINED)), ELASTIC, BIG)
    whole = html(made)
    strict = section(whole, "classification, xray: elastic (strict)")
    released = section(whole, "classification, xray: big (released)")
    assert PHRASE in strict
    assert whole.count(PHRASE) == 1
    assert "big saw 1234 real images of this source" in released
    assert "real rows alone, all 500 of them" in released
    assert "4 in this report" in released
    assert "elastic" not in released
    assert "big" not in strict
    unknown = html(run(both_settings(cells(GAINED)), ELASTIC, GeneratorFacts("big", "model", "released")))
    assert "how many real images of this source big saw is not known" in unknown


def test_a_strict_generator_that_was_trained_elsewhere_is_taken_at_the_suites_word() -> None:
    made = run(cells(GAINED), GeneratorFacts("elastic", "model", "strict"))
    assert "as the suite says" in html(made)
    assert "as the suite says" not in html(run(cells(GAINED)))


def test_a_task_whose_other_cells_were_left_out_is_told_to_be_untrained() -> None:
    made = run([cell("real", seed, 0.8, 1.0) for seed in range(2)])
    said = section(html(made), "classification, xray: no synthetic rows")
    assert "Not trained: all real rows reach accuracy 0.800, below 0.9." in said
    assert "Not trained" not in html(run([cell("real", 0, 0.95, 1.0)]))


@pytest.mark.parametrize("full", [0.89, None])
def test_what_is_not_learnt_has_no_gain_anywhere(full: float | None) -> None:
    made = run([one for one in cells(GAINED, full=full or 0) if full or one.amount != 1.0])
    whole = html(made)
    assert "not trained" in whole
    assert "gain" not in whole.lower()
    assert "+0.06" not in whole
    assert "svg" not in whole
    assert "gain" not in text("", terminal_sections(made, compare(made))).lower()


def test_the_guard_tells_what_it_could_not_check() -> None:
    checks = (
        Check("equal pixels", "train", "test", 500, 80, 2, 3),
        Check("equal pixels", "generator big's training rows", "test", unchecked="it has no card"),
    )
    asked, missing = guard(GuardReport(checks)).parts[1], guard(GuardReport(checks)).parts[3]
    assert asked.rows == [["equal pixels", "train", "500", "test", "80", 2, 3]]  # type: ignore[union-attr]  # a table
    assert missing.rows[0][-1] == "it has no card"  # type: ignore[union-attr]  # a table
    assert guard(GuardReport()).parts == ["Nothing was checked."]
    made = run(cells(GAINED), guard=GuardReport(checks))
    shown = text("", terminal_sections(made, compare(made)))
    assert "equal pixels, generator big's training rows against test: it has no card" in shown
    assert PHRASE in shown


def test_times_count_a_training_once_and_the_environment_is_flat() -> None:
    made = run(both_settings(cells(GAINED)), ELASTIC, BIG)
    said = section(html(made), "Environment")
    # Real rows alone stand in both settings: 6 trainings; two arms of two generators: 12.
    assert '<td class="number">18</td><td>18.0</td>' in said
    assert "<td>versions.torch</td><td>2.14</td>" in said


def test_names_are_escaped_and_nothing_is_fetched_or_run() -> None:
    evil = "<script>alert(1)</script>"
    scores = {"accuracy": 0.7, f"recall/{evil}": 0.5, f"accuracy@sex={evil}": 0.5}
    made = [cell(arm, seed, 0.7 + seed / 100, 0.1, scores=scores) for arm in ("real", "mixed-1") for seed in range(2)]
    made += [cell("real", seed, 0.95, 1.0) for seed in range(2)]
    facts = GeneratorFacts("elastic", "place", "strict", note=evil)
    whole = html(run(made, facts, environment={evil: evil}, guard=GuardReport((Check(evil, evil, evil),))))
    assert "<script" not in whole
    assert "http" not in whole
    assert "&lt;script&gt;" in whole


def test_subgroups_have_their_rows_and_an_empty_run_is_told() -> None:
    made = [cell("real", 0, 0.95, 1.0, scores={"accuracy": 0.95, "accuracy@sex=F": 0.9, "accuracy@age=under 40": 1.0})]
    said = section(html(run(made)), "classification, xray: no synthetic rows")
    assert "<td>sex</td><td>F</td><td>4</td><td>0.900</td>" in said
    assert "<td>age</td><td>under 40</td><td>2</td><td>1.000</td>" in said
    assert "not known" not in html(run([], tests={}, tasks={KEY: run([]).tasks[KEY]}))
