"""What stands under a table, in plain words: what was compared, how sure it is, and among how many comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from synthmed.downstream.rows import Rows
from synthmed.downstream.suite.comparisons import DRAWS, Comparison
from synthmed.downstream.suite.outcome import SuiteRun

LEVEL = 0.05
"""Below it, after Holm's adjustment, a gain or loss stands among all the comparisons of its table."""


def captions(
    run: SuiteRun, comparison: Comparison, all_of_them: Sequence[Comparison], *, whole: bool = True
) -> Iterator[str]:
    """Paragraphs; a terminal has only what changes the meaning of the numbers.

    Where the task is not learnt, no word says that an arm could be better or worse.
    """
    if whole:
        yield _compared(comparison, run.tests.get(comparison.key))
    if comparison.generator is not None:
        yield _setting(comparison, run.full_rows.get(comparison.key, 0))
    if comparison.effects:
        if whole:
            yield _intervals()
        yield _multiplicity(comparison, sum(len(each.effects) for each in all_of_them))
    elif not comparison.trained and (comparison.full is not None or _notes(comparison)):
        yield _untrained(comparison)


def _compared(comparison: Comparison, test: Rows | None) -> str:
    kind, image = comparison.key
    cells = [cell for line in comparison.lines for cell in line.cells]
    seeds = sorted({cell.seed for cell in cells})
    steps = sorted({cell.steps for cell in cells})
    rows = f"{cells[0].test_rows} real test rows"
    if test is not None:
        patients = len({patient for patient in test.patients if patient})
        rows += f" of {patients} patients" if patients else ", whose patients are not told apart"
    return (
        f"{kind.capitalize()} in {image}: networks trained on each arm's rows and judged by {comparison.figure} on "
        f"{rows}. Each arm has {' or '.join(map(str, steps))} optimiser steps. Seeds: {', '.join(map(str, seeds))}; a "
        "seed draws the real rows and the first weights, the same for every arm. ± is over seeds."
    )


def _setting(comparison: Comparison, full_rows: int) -> str:
    assert comparison.generator is not None
    name, seen = comparison.generator.name, comparison.generator.seen
    if not comparison.released:
        said = f"Strict: {name} saw no real rows of this source but those that the arm sees"
        by_design = comparison.generator.kind in ("trained", "resample")
        said += "." if by_design else ", as the suite says; whether that was checked stands under the guard."
        return f"{said} A gain at a small amount is a gain from little data." if comparison.effects else said
    saw = (
        f"how many real images of this source {name} saw is not known"
        if seen is None
        else f"{name} saw {seen} real image{'' if seen == 1 else 's'} of this source, whatever the arm sees"
    )
    all_rows = f"all {full_rows} of them" if full_rows else "all of them"
    return f"Released: {saw}. What an arm adds may rest on those too; real rows alone, {all_rows}, stand beside it."


def _intervals() -> str:
    return (
        "Differences are from real rows alone at the same amount, seed by seed, and their mean is told. 95 %, t: "
        "Student's interval of that mean over seeds, by which the verdict is given. 95 %, seeds: percentile bootstrap "
        "over seeds, too narrow where they are few. 95 %, patients and seeds: percentile bootstrap over test patients "
        f"and seeds at once, {DRAWS} draws. p is the paired t-test's, two-sided."
    )


def _multiplicity(comparison: Comparison, everywhere: int) -> str:
    decided = [line for line in comparison.lines if line.gain is not None and line.gain.verdict in ("gain", "loss")]
    standing = sum(line.holm is not None and line.holm < LEVEL for line in decided)
    n = len(comparison.effects)
    return (
        f"{n} comparison{'' if n == 1 else 's'} in this table, {everywhere} in this report. The verdicts do not allow "
        f"for that; p, Holm does, for this table. Verdicts of a difference: {len(decided)}, of which "
        f"{standing} stay below p {LEVEL:g} after Holm."
    )


def _untrained(comparison: Comparison) -> str:
    # Its other cells may have been left out.
    why = _notes(comparison) or [
        f"all real rows reach {comparison.figure} {comparison.full:.3f}, below {comparison.bar:g}"
    ]
    return f"Not trained: {why[0]}. So nothing is said of what an arm adds."


def _notes(comparison: Comparison) -> list[str]:
    return [line.gain.note for line in comparison.lines if line.gain is not None]
