"""What goes over the wire of an OpenAI-compatible server: its address, its answers, its complaints."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pydantic
import urllib3

from synthmed.errors import UserError


class NoCompletion(ValueError):  # noqa: N818  # says what it is
    """A body that is no chat completion."""


class _Part(pydantic.BaseModel):
    text: str = ""


class _Message(pydantic.BaseModel):
    content: str | list[_Part] | None = None


class _Choice(pydantic.BaseModel):
    message: _Message


class _Completion(pydantic.BaseModel):
    choices: list[_Choice] = pydantic.Field(min_length=1)


def completion_text(data: bytes) -> str:
    """The first choice's text, of one piece or several parts; "" where the model said nothing.

    Raises:
        NoCompletion: the body has another form.
    """
    try:
        content = _Completion.model_validate_json(data).choices[0].message.content or ""
    except pydantic.ValidationError:
        raise NoCompletion from None
    return content if isinstance(content, str) else "".join(part.text for part in content)


def complaint(data: bytes) -> str:
    """What an error's body says, after a colon; servers have several forms. Any length, any characters."""
    said: Any = data.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        said = json.loads(data)
    for key in ("error", "message", "detail"):
        if isinstance(said, dict) and key in said:
            said = said[key]
    return f": {said}" if said else ""


def retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header's number or date; None where there is none, or nonsense."""
    try:
        return urllib3.Retry().parse_retry_after(value) if value else None
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return None


def chat_address(url: str) -> str:
    """The address of the chat completions under a base URL, or of a whole one.

    Raises:
        UserError: it is none of http or https, or holds a password, a query or a fragment.
    """
    try:
        parts = urllib3.util.parse_url(url.strip())
    except urllib3.exceptions.LocationParseError:
        raise UserError("url: not a URL; write it as http://localhost:8000/v1") from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise UserError("url: needs http:// or https:// and a host, as http://localhost:8000/v1")
    if parts.auth or parts.query or parts.fragment:
        raise UserError("url: no password, query or fragment; put the key into an environment variable (key_env)")
    path = (parts.path or "").rstrip("/")
    path = path if path.endswith("/chat/completions") else f"{path}/chat/completions"
    return urllib3.util.Url(parts.scheme, None, parts.host, parts.port, path).url
