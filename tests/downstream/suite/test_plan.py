from __future__ import annotations

from pathlib import Path

from downstream.suite.sets import suite, tiny

from synthmed.downstream.cell import Cell
from synthmed.downstream.suite.plan import Job, draws, plan, spread, untrained
from synthmed.downstream.suite.schema import Suite

KEY = ("classification", "xray")


def two_settings(root: Path) -> Suite:
    elastic = {"name": "elastic", "resample": "elastic", "setting": "strict"}
    task = {**tiny(root)["tasks"][0], "arms": ["real", "real-augmented", "synthetic", "mixed-1"]}
    return suite(root, generators=[*tiny(root)["generators"], elastic], tasks=[task])


def cell(job: Job, value: float | None, bar: float = 0.5) -> Cell:
    kind, image = job.task
    return Cell(
        "", kind, image, job.arm, job.amount, job.seed, job.setting, "auroc", value, bar, generator=job.generator
    )


def test_all_rows_come_first_and_every_cell_once(tmp_path: Path) -> None:
    jobs = plan(two_settings(tmp_path))
    assert [(job.arm, job.amount, job.seed, job.generator) for job in jobs[:2]] == [
        ("real", 1.0, 0, ""),
        ("real", 1.0, 1, ""),
    ]
    assert len({job.key for job in jobs}) == len(jobs) == 2 + 2 * 2 + 2 * 2 * 2
    # What needs no synthetic row is trained once, whatever the generators' number.
    assert all(not job.generator for job in jobs[:6])
    assert {(job.generator, job.setting) for job in jobs[6:]} == {("phantom", "released"), ("elastic", "strict")}
    assert [job.tells for job in jobs] == [True] * 2 + [False] * (len(jobs) - 2)


def test_all_rows_among_the_amounts_are_not_trained_twice(tmp_path: Path) -> None:
    task = {**tiny(tmp_path)["tasks"][0], "amounts": [1.0]}
    assert [job.arm for job in plan(suite(tmp_path, tasks=[task]))] == ["real"] * 2 + ["mixed-1"] * 2


def test_a_generator_is_given_its_draws_and_its_tasks_alone(tmp_path: Path) -> None:
    whole = two_settings(tmp_path)
    assert draws(plan(whole), whole.generators[1], KEY) == ((0.5, 0), (0.5, 1))
    other = suite(tmp_path, generators=[{**tiny(tmp_path)["generators"][0], "tasks": ["detection"]}])
    assert not any(job.generator for job in plan(other))


def test_cells_without_synthetic_rows_stand_in_each_setting(tmp_path: Path) -> None:
    whole = two_settings(tmp_path)
    jobs = plan(whole)
    told = spread(whole, jobs, [cell(job, 0.7) for job in jobs])
    assert len({one.key for one, _ in told}) == len(told) == 6 * 2 + 8
    for one, trained in told:
        assert one.generator or one.value == 0.7
        assert trained in {job.key for job in jobs}
    # With one setting nothing is repeated.
    only = suite(tmp_path)
    jobs = plan(only)
    assert [one.key for one, _ in spread(only, jobs, [cell(job, 0.7) for job in jobs])] == [job.key for job in jobs]


def test_a_task_below_its_bar_is_not_trained(tmp_path: Path) -> None:
    full = [job for job in plan(suite(tmp_path)) if job.tells]
    assert untrained([cell(job, value) for job, value in zip(full, (0.3, 0.6), strict=True)]) == {KEY}
    assert untrained([cell(job, value) for job, value in zip(full, (0.45, 0.55), strict=True)]) == frozenset()
    assert untrained([cell(job, None) for job in full]) == {KEY}
    rest = [job for job in plan(suite(tmp_path)) if not job.tells]
    assert untrained([cell(job, 0.1) for job in rest]) == frozenset()
