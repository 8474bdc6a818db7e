"""A run's report: what was compared, a section a table with its plot, what the guard found, and the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthmed.downstream.cell import cell_key
from synthmed.downstream.subgroups import groups
from synthmed.downstream.suite.captions import captions
from synthmed.downstream.suite.comparisons import Comparison
from synthmed.downstream.suite.outcome import GuardReport, SuiteRun
from synthmed.downstream.suite.plots import Estimate, forest
from synthmed.downstream.suite.schema import TaskKey
from synthmed.downstream.suite.tables import NONE, main_table, other_tables, share, subgroup_tables
from synthmed.report.html import Drawing, Part, Section
from synthmed.report.table import Cell as Entry
from synthmed.report.table import Table


def title(run: SuiteRun) -> str:
    """Of the page."""
    return f"{run.suite.title or run.suite.name}: benchmark"


def sections(run: SuiteRun, comparisons: Sequence[Comparison]) -> list[Section]:
    """Of the page."""
    tables = [Section(heading(each), list(_parts(run, each, comparisons))) for each in comparisons]
    return [_overview(run, comparisons), *tables, guard(run.guard), _environment(run)]


def terminal_sections(run: SuiteRun, comparisons: Sequence[Comparison]) -> list[Section]:
    """The same tables with less beside them, and what the guard could not check."""
    found = [
        Section(heading(each), [main_table(each, whole=False), *captions(run, each, comparisons, whole=False)])
        for each in comparisons
    ]
    if unchecked := [check for check in run.guard.checks if check.unchecked]:
        said: list[Part] = [f"{each.what}, {each.left} against {each.right}: {each.unchecked}" for each in unchecked]
        found.append(Section("Not checked", said))
    return found


def heading(comparison: Comparison) -> str:
    """Task, image, generator and setting."""
    kind, image = comparison.key
    generator = comparison.generator
    return f"{kind}, {image}" + (f": {generator.name} ({generator.setting})" if generator else ": no synthetic rows")


def guard(report: GuardReport) -> Section:
    """What was held against what, and what could not be."""
    asked: list[list[Entry]] = [
        [each.what, each.left, _known(each.left_rows), each.right, _known(each.right_rows), each.found, each.allowed]
        for each in report.checks
        if not each.unchecked
    ]
    missing: list[list[Entry]] = [
        [each.what, each.left, each.right, each.unchecked] for each in report.checks if each.unchecked
    ]
    parts: list[Part] = ["A run exists only where no more was found than the suite allows."] if asked else []
    if asked:
        parts.append(Table(["looked for", "in", "of", "and in", "of", "found", "allowed"], asked))
    if missing:
        parts += ["Not checked:", Table(["looked for", "in", "and in", "why not"], missing)]
    return Section("Guard: test rows kept apart", parts or ["Nothing was checked."])


def _parts(run: SuiteRun, comparison: Comparison, all_of_them: Sequence[Comparison]) -> Iterator[Part]:
    yield _unbroken(main_table(comparison))
    yield from captions(run, comparison, all_of_them)
    if comparison.effects:
        yield _plot(comparison)
    for amount, table in other_tables(comparison):
        yield f"Other figures, {amount} of the real rows, mean ± standard deviation over seeds:"
        yield _unbroken(table)
    for amount, table in subgroup_tables(comparison, _sizes(run, comparison)):
        yield f"{comparison.figure} of some test rows alone, {amount} of the real rows:"
        yield table


def _unbroken(table: Table) -> Table:
    """Numbers with their spread stay in one line of a browser, and an interval breaks once."""

    def joined(value: Entry) -> Entry:
        return value.replace(" ± ", "\u00a0±\u00a0").replace(" to ", " to\u00a0") if isinstance(value, str) else value

    return Table(table.columns, [[joined(value) for value in row] for row in table.rows])


def _plot(comparison: Comparison) -> Drawing:
    estimates = []
    for line in comparison.lines:
        if line.gain is None or line.gain.effect is None:
            continue
        effect, over = line.gain.effect, line.over_rows
        band = None if over is None or over.low is None or over.high is None else (over.low, over.high)
        label, words = f"{line.arm}, {share(line.amount)}", f"{effect.mean:+.3f}, {line.gain.verdict}"
        estimates.append(Estimate(label, effect.mean, effect.low, effect.high, band, words))
    return Drawing(
        forest(estimates, f"{comparison.figure}: arm minus real rows alone, same amount"),
        f"{heading(comparison)}. Marks: mean difference; lines: 95 % t-interval over seeds; bands: 95 % bootstrap over "
        "test patients and seeds. Blue dots lie above 0 with their line, orange squares below; grey rings are not "
        "shown to differ.",
    )


def _overview(run: SuiteRun, comparisons: Sequence[Comparison]) -> Section:
    full = {each.key: each for each in comparisons}
    tasks: list[list[Entry]] = []
    for key in run.tasks:
        if (found := full.get(key)) is not None:
            reached = NONE if found.full is None else f"{found.full:.3f}"
            learnt = "yes" if found.trained else "not trained"
            rows = [_known(run.full_rows.get(key, 0)), str(len(run.tests[key])) if key in run.tests else NONE]
            tasks.append([*key, *rows, found.figure, f"{found.bar:g}", reached, learnt])
    parts: list[Part] = [
        Table(["task", "image", "real rows", "test rows", "figure", "to reach", "real, 100 %", "learnt"], tasks)
    ]
    if run.generators:
        generators: list[list[Entry]] = [
            [
                each.name,
                each.kind,
                each.setting,
                _seen(each.seen, each.setting),
                each.n,
                each.fingerprint[:12],
                each.note,
            ]
            for each in run.generators
        ]
        heads = ["generator", "kind", "setting", "real images seen", "synthetic rows", "fingerprint", "note"]
        parts.append(Table(heads, generators))
    return Section("What was compared", parts)


def _seen(seen: int | None, setting: str) -> str:
    return str(seen) if seen is not None else "the arm's own" if setting == "strict" else "not known"


def _known(count: int) -> str:
    return str(count) if count else NONE


def _sizes(run: SuiteRun, comparison: Comparison) -> dict[str, int]:
    """How many test rows each subgroup has, by ``<attribute>=<group>``."""
    if (rows := run.tests.get(comparison.key)) is None:
        return {}
    names = {name for line in comparison.lines for cell in line.cells for name in cell.scores if "@" in name}
    attributes = sorted({name.partition("@")[2].partition("=")[0] for name in names})
    return {
        f"{attribute}={group}": len(places)
        for attribute in attributes
        for group, places in groups(rows.attributes, attribute).items()
    }


def _environment(run: SuiteRun) -> Section:
    # Real rows alone stand in each setting, and were trained once.
    trained = {cell_key(c.task, c.image, "strict", c.amount, c.arm, c.seed, c.generator): c for c in run.cells}
    seconds: dict[TaskKey, list[float]] = {}
    for cell in trained.values():
        seconds.setdefault((cell.task, cell.image), []).append(cell.seconds)
    rows: list[list[Entry]] = [[*key, len(each), f"{sum(each) / 60:.1f}"] for key, each in seconds.items()]
    said: list[list[Entry]] = [[name, value] for name, value in _flat(run.environment)]
    times = Table(["task", "image", "trainings", "minutes in all"], rows)
    return Section("Environment", [times, *([Table(["what", "value"], said)] if said else [])])


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
