"""What pydantic finds wrong, in one line."""

from __future__ import annotations

import pydantic


def problem(error: pydantic.ValidationError) -> str:
    """The first thing wrong, with its place; without the value, which may be long or a secret."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
