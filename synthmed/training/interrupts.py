"""SIGTERM and SIGINT as a wish to stop soon."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """An event that the first of these signals sets; a second one does what it did before.

    Outside the main thread Python takes no handlers, and the event is never set.
    """
    wish = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    before: dict[signal.Signals, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def handle(number: int, frame: FrameType | None) -> None:
        wish.set()
        restore()

    try:
        for number in _SIGNALS:
            before[number] = signal.signal(number, handle)
        yield wish
    finally:
        restore()


def ignore_interrupts(worker: int = 0) -> None:
    """In a loader worker: leave a signal that goes to the whole group to the main process, which needs its data."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
