"""An API key: read from the environment, sent, and shown to nobody."""

from __future__ import annotations

import os

import requests

from synthmed.errors import UserError

_LONGEST = 200


class ApiKey:
    """What signs requests; its text is in no message, no `repr` and no file.

    Args:
        variable: the environment variable that holds it; "" for servers without a key.

    Raises:
        UserError: the variable is not set, or holds what no header can.
    """

    def __init__(self, variable: str = "") -> None:
        self._key = os.environ.get(variable, "").strip() if variable else ""
        if variable and not self._key:
            raise UserError(f"key_env: the environment has no {variable}; set it to the server's API key")
        if not (self._key.isascii() and self._key.isprintable()):
            raise UserError(f"key_env: {variable} holds characters that no API key has")

    def __repr__(self) -> str:
        return "ApiKey(***)" if self._key else "ApiKey()"

    def sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the bearer token; a `requests` authentication."""
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request

    def removed_from(self, text: str) -> str:
        """The text with [key] in its place: a server can send it back."""
        return text.replace(self._key, "[key]") if self._key else text

    def hidden_in(self, message: str) -> str:
        """A message without the key, as one line of at most 200 printable characters."""
        line = " ".join(self.removed_from(message).split())
        line = "".join(character for character in line if character.isprintable())
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
