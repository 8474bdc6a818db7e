"""One small registry: a name, a one-line summary, and how to make the thing."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from synthmed.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """``load`` is the thing itself or ``"package.module:attribute"``, imported when it is first asked for."""

    name: str
    summary: str
    load: T | str


class Registry(Generic[T]):
    """Names to things of one kind, open to third parties.

    A third party adds an entry by an entry point of the group ``synthmed.<kind>`` whose name is the entry's and whose
    value is the thing. Its summary is the thing's ``summary`` attribute, else the first line of its docstring.

    Args:
        kind: plural noun, as in ``synthmed ls <kind>``.
        entries: what the package itself brings.
    """

    def __init__(self, kind: str, entries: Iterable[Entry[T]] = ()) -> None:
        self.kind = kind
        self._entries = {entry.name: entry for entry in entries}
        self._found_plugins = False

    def add(self, entry: Entry[T]) -> None:
        """Register an entry; a name that is taken raises `ValueError`."""
        if entry.name in self._entries:
            raise ValueError(f"{self.kind}: {entry.name!r} is registered already")
        self._entries[entry.name] = entry

    def get(self, name: str) -> T:
        """The thing of that name, imported now if need be.

        Raises:
            UserError: no such name; the message has the nearest one.
        """
        self._find_plugins()
        if name not in self._entries:
            raise UserError(f"{self.kind}: there is no {name!r}{nearest(name, self._entries)}")
        load = self._entries[name].load
        return cast(T, resolve(load)) if isinstance(load, str) else load

    def __contains__(self, name: object) -> bool:
        self._find_plugins()
        return name in self._entries

    def names(self) -> list[str]:
        """Every entry's name, sorted; nothing is imported for it."""
        self._find_plugins()
        return sorted(self._entries)

    def __iter__(self) -> Iterator[Entry[T]]:
        """The entries by name. A third party's is imported for its summary."""
        for name in self.names():
            entry = self._entries[name]
            yield entry if entry.summary else replace(entry, summary=_summary(self.get(name)))

    def _find_plugins(self) -> None:
        if self._found_plugins:
            return
        self._found_plugins = True
        for point in entry_points(group=f"synthmed.{self.kind}"):
            if point.name in self._entries:
                raise UserError(
                    f"{self.kind}: the entry point {point.value!r} takes the name {point.name!r}, which is taken; "
                    "uninstall or rename it"
                )
            self._entries[point.name] = Entry(point.name, "", point.value)


def _summary(thing: object) -> str:
    text = getattr(thing, "summary", None) or getattr(thing, "__doc__", None) or ""
    return str(text).strip().split("\n", 1)[0]


def resolve(path: str) -> object:
    """Import ``"package.module:attribute"``."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of an error message: the nearest valid name, or all of them."""
    names = sorted(names)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(names) or 'none'}"
