"""A describer with its options, which are its constructor's arguments, from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_type_hints

import pydantic

from synthmed.errors import UserError
from synthmed.medart.captions.protocol import DESCRIBERS, Describer
from synthmed.problem import problem
from synthmed.registry import nearest


def make_describer(name: str, options: Sequence[str] = ()) -> Describer:
    """The back end of that name; each option is ``name=value``, read as the argument's type says.

    Raises:
        UserError: no such describer or option, with the nearest name; a value of the wrong type; or what the back end
            itself refuses.
    """
    kind = DESCRIBERS.get(name)
    types = {key: hint for key, hint in get_type_hints(kind.__init__).items() if key != "return"}
    values: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or key not in types:
            raise UserError(f"describer {name}: no option {option!r}; write name=value{nearest(key, types)}")
        try:
            values[key] = pydantic.TypeAdapter(types[key]).validate_python(value)
        except pydantic.ValidationError as error:
            raise UserError(f"describer {name}: option {key}: {problem(error)}") from None
    return kind(**values)
