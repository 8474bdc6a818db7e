"""Cells in worker processes of one thread each; the first error ends it, and Ctrl-C ends the workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from threading import Thread
from typing import Any, Protocol

from synthmed.errors import SynthmedError, UserError
from synthmed.generation.environment import worker_threads

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Named(Protocol):
    """Something to do that has a name for messages."""

    @property
    def key(self) -> str:
        """For messages."""
        ...


class Workers:
    """Runs a function on many things, in ``count`` processes, or in this one where it is 0."""

    def __init__(self, count: int, pool: ProcessPoolExecutor | None) -> None:
        self.count, self._pool = count, pool

    def run(self, work: Callable[[Any], Any], jobs: Sequence[Named], done: Callable[[Any], None]) -> None:
        """Do all, in their order where there is one process; ``done`` hears of each.

        Raises:
            UserError, SynthmedError: the first that a job raises, or whatever else goes wrong; names the job.
        """
        if self._pool is None:
            with worker_threads():
                for job in jobs:
                    with _naming(job):
                        work(job)
                    done(job)
            return
        with _deaf_children():
            waiting = {self._pool.submit(work, job): job for job in jobs}
        while waiting:
            ended: set[Future[Any]] = wait(waiting, return_when=FIRST_COMPLETED).done
            for future in [one for one in waiting if one in ended]:  # a set has no order, and the first error is told
                job = waiting.pop(future)
                with _naming(job):
                    future.result()
                done(job)


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """The processes, ended on leaving: after an error or Ctrl-C at once, with what they were doing."""
    if count == 0:
        yield Workers(0, None)
        return
    context = multiprocessing.get_context("spawn")
    before, others = {name: os.environ.get(name) for name in _THREADS}, set(multiprocessing.active_children())
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # the workers', which load torch anew
    pool = ProcessPoolExecutor(count, context, initializer=_begin)
    try:
        yield Workers(count, pool)
        pool.shutdown()
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that are started within never hear of Ctrl-C, which goes to the whole group: the parent decides."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """A worker ends when it is told to, and when its parent is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _naming(job: Named) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise UserError(f"{job.key}: {error}") from error
    except SynthmedError as error:
        raise SynthmedError(f"{job.key}: {error}") from error
    except BrokenProcessPool:
        raise SynthmedError(
            f"{job.key}: a worker process died, as when memory is full; the same command goes on, "
            "with --workers 1 in less memory"
        ) from None
    except Exception as error:
        raise SynthmedError(f"{job.key}: {type(error).__name__}: {' '.join(str(error).split())}") from error
