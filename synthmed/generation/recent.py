"""The last few of things that are slow to make."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Keeps the ``size`` results that were asked for last, by number. Pickles without them.

    Threads wait for each other, so a thing is made once and makers need not be thread-safe.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._kept: OrderedDict[int, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, number: int, make: Callable[[], T]) -> T:
        """The thing of that number, made now if it is not kept."""
        with self._lock:
            if number not in self._kept:
                self._kept[number] = make()
                if len(self._kept) > self.size:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(number)
            return self._kept[number]

    def __reduce__(self) -> tuple[Any, ...]:
        return Recent, (self.size,)
