from __future__ import annotations

import gc
import os
import signal
import threading

import pytest

from synthmed.generation.interrupts import remembered_interrupts


class Cursed:
    """Is interrupted while it is finalised, where Python ignores what is raised."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10_000):
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_ignores_is_raised_at_the_next_call() -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with remembered_interrupts() as raise_if_interrupted:
            raise_if_interrupted()
            Cursed()
            gc.collect()
            with pytest.raises(KeyboardInterrupt):
                raise_if_interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_handlers_and_threads_are_left_alone() -> None:
    mine = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with remembered_interrupts():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, mine)
    done: list[bool] = []

    def elsewhere() -> None:
        with remembered_interrupts() as raise_if_interrupted:
            raise_if_interrupted()
            done.append(True)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert done == [True]
