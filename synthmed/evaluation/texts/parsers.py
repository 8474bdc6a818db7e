"""What finds labels in a text, open to third parties."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from synthmed.errors import UserError
from synthmed.registry import Entry, Registry, resolve

Parser: TypeAlias = Callable[[str], Collection[str]]
"""A text to the labels that it affirms."""

PARSERS: Registry[Parser] = Registry(
    "parsers",
    [Entry("phantom", "findings in the phantom's reports, by rules", "synthmed.phantom.parse:parse_labels")],
)
"""By name; an entry point of the group ``synthmed.parsers`` adds one."""


def open_parser(name: str) -> Parser:
    """A registered parser, or the user's own as ``module:attribute``.

    Raises:
        UserError: no such name, it cannot be imported, or it cannot be called.
    """
    if ":" not in name:
        return PARSERS.get(name)
    try:
        found: Any = resolve(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"parser {name!r}: {error}; write module:attribute of what can be imported") from None
    if not callable(found):
        raise UserError(f"parser {name!r}: cannot be called; a parser takes a text and gives its labels")
    parser: Parser = found
    return parser
