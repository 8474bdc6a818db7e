"""A source's options, which are the fields of its dataclass, from a recipe or the command line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic

from synthmed.data.sources import SOURCES, Source
from synthmed.errors import UserError
from synthmed.problem import problem
from synthmed.registry import nearest


def make_source(name: str, options: Mapping[str, Any]) -> Source:
    """A source with its options, read as the types of its fields say.

    Raises:
        UserError: no such source or option, with the nearest name; or a value of the wrong type.
    """
    kind = SOURCES.get(name)
    fields = [field.name for field in dataclasses.fields(kind)]
    for key in options:
        if key not in fields:
            raise UserError(f"{name}: no option {key!r}{nearest(str(key), fields)}")
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(options))
    except pydantic.ValidationError as error:
        raise UserError(f"{name}: option {problem(error)}") from None


def parse_options(name: str, options: Sequence[str]) -> dict[str, Any]:
    """The command line's ``name=value`` options; lists and mappings are JSON.

    Raises:
        UserError: an option without ``=``, or a value that is not JSON.
    """
    values: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            fields = [field.name for field in dataclasses.fields(SOURCES.get(name))]
            raise UserError(f"{name}: no option {option!r}; write name=value{nearest(key, fields)}")
        values[key] = _parsed(value, f"{name}: option {key}")
    return values


def _parsed(value: str, what: str) -> Any:
    if not value.startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise UserError(f"{what}: not JSON ({error})") from None
