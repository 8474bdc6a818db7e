"""One worker process: takes shard numbers from the engine, makes the shards, and says how it goes."""

from __future__ import annotations

import errno
import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

from synthmed.errors import UserError
from synthmed.generation.environment import worker_threads
from synthmed.generation.plan import Plan
from synthmed.generation.shard import make_shard
from synthmed.generation.storage import Store
from synthmed.load import load_model
from synthmed.protocols import Generator


@dataclass(frozen=True)
class Ready:
    """The worker has loaded the model."""


@dataclass(frozen=True)
class Progress:
    """So many more samples of the shard in hand."""

    samples: int


@dataclass(frozen=True)
class Done:
    """The shard is committed."""

    shard: int
    stats: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """The shard is not committed. ``fatal``: any try of any shard would fail the same way; ``user``: by their input."""

    shard: int | None
    message: str
    trace: str
    fatal: bool
    user: bool


Message = Ready | Progress | Done | Failed


class StoppedError(Exception):
    """The run was told to stop."""


def work(connection: Connection, stop: Event, plan: Plan, store: Store, device: str) -> None:
    """The main of a worker process. Ends when the engine sends None, or goes away."""
    # Ctrl-C goes to the whole process group; the engine alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shard: int | None = None
    try:
        generator = load_for(plan, device)
        with worker_threads():
            connection.send(Ready())
            while (shard := connection.recv()) is not None:
                connection.send(attempt(generator, plan, shard, store, connection, stop))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the engine is gone
    except Exception as error:  # whatever the model's loading raises is told, not printed
        connection.send(failure(None, error))


def load_for(plan: Plan, device: str) -> Generator:
    """The plan's generator.

    Raises:
        UserError: the model is not the one that the plan was made with.
    """
    generator = load_model(plan.model, device)
    if generator.fingerprint != plan.model_fingerprint:
        raise UserError(f"{plan.model}: the model has changed since the plan was made; use another folder with --out")
    return generator


def attempt(
    generator: Generator, plan: Plan, shard: int, store: Store, connection: Connection, stop: Event
) -> Done | Failed:
    """Make one shard and say how it went; abandoned as soon as the run is told to stop, or the engine is gone."""

    def on_batch(samples: int) -> None:
        if stop.is_set():
            raise StoppedError
        connection.send(Progress(samples))

    try:
        return Done(shard, make_shard(generator, plan, shard, store, on_batch))
    except (StoppedError, BrokenPipeError, ConnectionResetError) as error:
        return Failed(shard, f"abandoned ({type(error).__name__})", "", fatal=True, user=False)
    except Exception as error:  # a shard that fails must not take the others with it
        return failure(shard, error)


def failure(shard: int | None, error: Exception) -> Failed:
    """An exception as a message of one line; the traceback goes to the log."""
    trace = "".join(traceback.format_exception(error))
    user = isinstance(error, UserError)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = f"the disk is full ({error.strerror}): free some space and run the same command; committed shards stay"
        return Failed(shard, reason, trace, fatal=True, user=False)
    if isinstance(error, PermissionError):
        return Failed(shard, f"{error.filename}: {error.strerror}", trace, fatal=True, user=True)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = "" if user else f" ({frame.filename.rsplit('/', 1)[-1]}:{frame.lineno})"
    text = " ".join(str(error).split()) or type(error).__name__
    message = text if user else f"{type(error).__name__}: {text}{place}"
    return Failed(shard, message, trace, fatal=user or shard is None, user=user)
