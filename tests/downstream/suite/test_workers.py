from __future__ import annotations

import multiprocessing
import operator
import os
from types import SimpleNamespace

import pytest

from synthmed.downstream.suite.workers import workers
from synthmed.errors import SynthmedError

JOBS = [SimpleNamespace(key=f"job {number}", value=number) for number in range(5)]


@pytest.mark.parametrize("count", [0, 2])
def test_all_is_done_and_each_is_told(count: int) -> None:
    before = os.environ.get("MKL_NUM_THREADS")
    done: list[int] = []
    with workers(count) as pool:
        pool.run(operator.attrgetter("value"), JOBS, lambda job: done.append(job.value))
        pool.run(operator.attrgetter("value"), JOBS[:1], lambda job: done.append(job.value))
    assert sorted(done) == [0, 0, 1, 2, 3, 4]
    assert os.environ.get("MKL_NUM_THREADS") == before
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("count", [0, 1])
def test_an_error_is_one_line_that_names_the_job(count: int) -> None:
    with (
        pytest.raises(SynthmedError, match=r"^job 0: AttributeError: .*no attribute 'missing'$"),
        workers(count) as pool,
    ):
        pool.run(operator.attrgetter("missing"), JOBS, lambda job: None)
    assert not multiprocessing.active_children()


def test_an_interrupt_ends_the_workers() -> None:
    def stop(job: SimpleNamespace) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), workers(1) as pool:
        pool.run(operator.attrgetter("value"), JOBS, stop)
    assert not multiprocessing.active_children()
