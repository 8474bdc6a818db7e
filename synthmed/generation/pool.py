"""The worker processes of a run: hand out shards, hear of them, replace the workers that die."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from synthmed.errors import SynthmedError, UserError
from synthmed.generation.interrupts import remembered_interrupts
from synthmed.generation.listener import Listener
from synthmed.generation.plan import Plan
from synthmed.generation.storage import Store
from synthmed.generation.worker import Done, Failed, Message, Progress, Ready, work

TRIES = 3
"""How often a shard is begun before it is given up and the rest go on."""

POLL_SECONDS = 5.0
STOP_SECONDS = 60.0


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    device: str
    ready: bool = False
    shard: int | None = None
    samples: int = 0  # of the shard in hand


class Pool:
    """Runs shards on spawned worker processes, one a device.

    Args:
        alive: called every few seconds while the run goes on.
    """

    def __init__(
        self, plan: Plan, store: Store, devices: list[str], listener: Listener, alive: Callable[[], None]
    ) -> None:
        # Spawned, since a forked child inherits the threads' locks of whatever the parent has loaded.
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._plan, self._store, self._devices, self._listener, self._alive = plan, store, devices, listener, alive
        self._queue: deque[int] = deque()
        self._tries: Counter[int | None] = Counter()
        self._workers: list[_Worker] = []
        self._failed: dict[int, str] = {}
        self._fatal: Failed | None = None

    def run(self, shards: Iterable[int]) -> dict[int, str]:
        """Make these shards; gives those that failed `TRIES` times, with the reason.

        Raises:
            SynthmedError: nothing more can be made: the disk is full, or the model does not load.
            UserError: the same, by the user's input.
            KeyboardInterrupt: passed on, after the workers have stopped and their unfinished shards are gone.
        """
        self._queue.extend(shards)
        try:
            with remembered_interrupts() as raise_if_interrupted:
                for device in self._devices[: len(self._queue)]:
                    self._start(device)
                while self._fatal is None and (self._queue or any(w.shard is not None for w in self._workers)):
                    self._step()
                    self._hand_out()
                    raise_if_interrupted()
        except KeyboardInterrupt:
            self._listener.note("stopping: the shards in hand are abandoned (Ctrl-C again to kill the workers)")
            raise
        finally:
            self._shut_down()
        if self._fatal is not None:
            kind = UserError if self._fatal.user else SynthmedError
            raise kind(f"{self._store}: {self._fatal.message}")
        return self._failed

    def _start(self, device: str) -> None:
        here, there = self._context.Pipe()
        process = self._context.Process(
            target=work, args=(there, self._stop, self._plan, self._store, device), daemon=True
        )
        process.start()
        there.close()
        self._workers.append(_Worker(process, here, device))

    def _step(self) -> None:
        self._alive()
        # A dead worker's pipe is at its end, which is to be heard like a message: no need to wait for its sentinel.
        ready = wait([worker.connection for worker in self._workers], timeout=POLL_SECONDS)
        for worker in [worker for worker in self._workers if worker.connection in ready]:
            try:
                while worker in self._workers and worker.connection.poll():
                    self._hear(worker, worker.connection.recv())
            except (EOFError, ConnectionResetError):
                self._bury(worker)

    def _hear(self, worker: _Worker, message: Message) -> None:
        match message:
            case Ready():
                worker.ready = True
                self._listener.ready()
            case Progress(samples):
                worker.samples += samples
                self._listener.progress(samples)
            case Done(shard, stats):
                worker.shard, worker.samples = None, 0
                self._listener.committed(shard, stats)
            case Failed():
                if message.fatal:
                    self._fatal = message
                else:
                    self._drop(worker, message.message, message.trace)

    def _hand_out(self) -> None:
        """A shard to each idle worker. Those without one wait, in case another's comes back."""
        for worker in self._workers:
            if worker.ready and worker.shard is None and self._queue and self._fatal is None:
                worker.shard = self._queue.popleft()
                with suppress(BrokenPipeError, ConnectionResetError):  # it died just now: its pipe's end tells
                    worker.connection.send(worker.shard)

    def _drop(self, worker: _Worker, reason: str, trace: str = "") -> None:
        """The worker's shard came to nothing: try it again last, or give it up."""
        shard, worker.shard = worker.shard, None
        if shard is None and worker.ready:
            self._listener.note(f"an idle worker is gone: {reason}", trace)
            return
        self._listener.progress(-worker.samples)
        worker.samples = 0
        self._tries[shard] += 1
        again = self._tries[shard] < TRIES
        what = "a worker could not start" if shard is None else f"shard {shard} failed"
        self._listener.note(f"{what} (try {self._tries[shard]} of {TRIES}): {reason}", trace)
        if shard is not None and again:
            self._queue.append(shard)
        elif shard is not None:
            self._failed[shard] = reason
        elif not again:
            self._fatal = Failed(None, f"workers do not start: {reason}", trace, fatal=True, user=False)

    def _bury(self, worker: _Worker) -> None:
        """A worker process is gone without a word."""
        worker.process.join(STOP_SECONDS)
        self._workers.remove(worker)
        code = worker.process.exitcode or 0
        reason = f"its process ended with exit code {code}"
        if code < 0:
            hint = " (out of memory? fewer --workers need less)" if -code == signal.SIGKILL else ""
            reason = f"its process was killed by {signal.Signals(-code).name}{hint}"
        self._drop(worker, reason)
        self._store.drop_abandoned()
        if self._queue and self._fatal is None:
            self._start(worker.device)

    def _shut_down(self) -> None:
        self._stop.set()
        end = time.monotonic() + STOP_SECONDS
        try:
            for worker in self._workers:
                if not worker.ready:
                    worker.process.kill()  # still loading the model: it holds nothing
                with suppress(OSError):
                    worker.connection.send(None)
            for worker in self._workers:
                # Until the worker closes the pipe: a full one would hold it in its send for ever.
                with suppress(EOFError, OSError):
                    while worker.connection.poll(max(0.0, end - time.monotonic())):
                        worker.connection.recv()
                worker.process.join(max(0.0, end - time.monotonic()))
        finally:
            for worker in self._workers:
                if worker.process.is_alive():
                    worker.process.kill()
                    worker.process.join()
            self._store.drop_abandoned()
