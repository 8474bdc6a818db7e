"""Whether a process lives."""

from __future__ import annotations

import psutil


def started(pid: int) -> float | None:
    """When the process began, which tells it from a later one with the same pid; None if it is gone.

    A zombie is gone: it was killed, and only waits for its parent to notice.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None
