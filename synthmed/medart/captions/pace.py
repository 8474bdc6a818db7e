"""A limit on how many pictures a minute are described."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Spreads pictures evenly: each takes at least its part of a minute.

    Args:
        per_minute: 0 is no limit.
        clock, sleep: in seconds.
    """

    def __init__(
        self,
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._each = 60 / per_minute if per_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._free = clock()

    def wait(self, pictures: int) -> None:
        """Return when so many pictures may be sent; a pause is not made up for by haste."""
        pause = self._free - self._clock()
        if pause > 0:
            self._sleep(pause)
        self._free = max(self._free, self._clock()) + pictures * self._each
