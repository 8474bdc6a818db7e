"""Entries of transformers' configs, which a stranger may have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthmed.errors import UserError


def plain_entries(entries: Mapping[str, Any]) -> dict[str, Any]:
    """The entries, without a word on who computes them.

    Where the package ``kernels`` is installed, an ``attn_implementation`` of ``owner/name`` makes transformers fetch
    that repository's code and run it.

    Raises:
        ValueError: an entry names an implementation.
    """
    for name in entries:
        if "_implementation" in name:
            raise ValueError(f"{name}: a model folder does not say what code computes it; take the entry out")
    return dict(entries)


def no_fetched_code(entries: Any, where: str) -> None:
    """See that a folder's config, at any depth, names no implementation on the hub (see `plain_entries`).

    Args:
        where: the file, for the message.

    Raises:
        UserError: one does.
    """
    found = list(entries.items()) if isinstance(entries, Mapping) else []
    for name, value in found:
        if "_implementation" in str(name) and isinstance(value, str) and "/" in value:
            raise UserError(f"{where}: {name} = {value!r} is code to be fetched and run; take the entry out")
        no_fetched_code(value, where)
    for value in entries if isinstance(entries, list) else ():
        no_fetched_code(value, where)
