"""A client of one OpenAI-compatible server: patient with its failures, bounded in what it takes from it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3

from synthmed.errors import UserError
from synthmed.medart.captions.key import ApiKey
from synthmed.medart.captions.pace import Pace
from synthmed.medart.captions.wire import NoCompletion, chat_address, complaint, completion_text, retry_after

MAX_BYTES = 2**20
"""Of an answer; a caption has some hundred."""
_AGAIN = frozenset({408, 409, 425, 429})
_FOR_ALL = frozenset({301, 302, 303, 307, 308, 401, 402, 404, 405})


class ChatError(Exception):
    """Why there is no answer to one question, in one line without the key."""


class _AgainError(Exception):
    """What another try may mend; ``wait`` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Patience:
    """How long and how often a server is asked.

    Attributes:
        timeout: seconds to connect, between two pieces of an answer, and for the whole of its body.
        retries: further tries after a failure that may pass.
        first_wait: seconds before the first of them, at most; each further one waits up to twice as long.
        longest_wait: seconds; a server that asks for more by Retry-After is not asked again.
        clock: seconds, from any start.
        sleep: waits so many seconds.
    """

    timeout: float = 120.0
    retries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def backoff(self, attempt: int) -> float:
        """Seconds before the try after ``attempt`` (from 0): exponential, with jitter over its upper half."""
        # The exponent is bounded for a float to hold it.
        return min(self.longest_wait, self.first_wait * 2.0 ** min(attempt, 60)) * random.uniform(0.5, 1.0)


class ChatClient:
    """Asks ``<url>/chat/completions``; safe to use from several threads.

    Connection failures, time-outs, 408, 409, 425, 429, 5xx and answers that are no chat completion are tried again,
    after Retry-After where the server gives one. Redirects are not followed: the key and the pictures go to the named
    server alone.

    Args:
        url: the server's base, ``http://localhost:8000/v1``, or the whole address of its chat completions.
        key: sent as bearer token where there is one.
        per_minute: calls, tries included; 0 is no limit.

    Raises:
        UserError: the URL is none of http or https, or holds a password or a query.
    """

    def __init__(
        self, url: str, key: ApiKey | None = None, patience: Patience | None = None, per_minute: float = 0.0
    ) -> None:
        self._address = chat_address(url)
        self._key = key or ApiKey()
        self._patience = patience or Patience()
        self._pace = Pace(per_minute, self._patience.clock, self._patience.sleep)
        self._turn = threading.Lock()
        self._answered = False

    def ask(self, body: Mapping[str, Any]) -> str:
        """The first choice's text; "" where the model said nothing.

        Args:
            body: the request's JSON.

        Raises:
            ChatError: no answer to this question.
            UserError: as long as nothing was answered yet: the server refuses the key, the account, or does not know
                the URL or the model.
        """
        for attempt in range(self._patience.retries + 1):
            with self._turn:
                self._pace.wait(1)
            try:
                text = self._once(body)
            except _AgainError as again:
                reason, wait = again, again.wait
            else:
                self._answered = True
                return text
            if wait is not None and wait > self._patience.longest_wait:
                raise ChatError(f"{reason}, and asks to wait {wait:.0f} s") from None
            if attempt < self._patience.retries:
                backoff = self._patience.backoff(attempt)
                # Threads that were told the same time must not come back together.
                self._patience.sleep(backoff if wait is None else wait + random.uniform(0, self._patience.first_wait))
        raise ChatError(f"{reason} ({self._patience.retries + 1} tries)" if self._patience.retries else str(reason))

    def _once(self, body: Mapping[str, Any]) -> str:
        try:
            # One session a question: `requests` does not promise that threads can share one.
            with (
                requests.Session() as session,
                session.post(
                    self._address,
                    json=body,
                    headers={"Accept-Encoding": "identity"},
                    auth=self._key.sign,  # also keeps `requests` from sending what a .netrc has for that host
                    timeout=self._patience.timeout,
                    stream=True,
                    allow_redirects=False,
                ) as response,
            ):
                data = self._read(response)
        except requests.exceptions.SSLError as error:
            raise _AgainError(self._key.hidden_in(f"the server's TLS fails: {error}")) from None
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise _AgainError(f"the server gave no answer within {self._patience.timeout:g} s") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _AgainError(f"the connection to the server failed ({type(error).__name__})") from None
        return self._text(response, data)

    def _read(self, response: requests.Response) -> bytes:
        """The body, within the bounds of size and time."""
        end = self._patience.clock() + self._patience.timeout
        data = bytearray()
        while piece := response.raw.read1(2**16, decode_content=True):
            data += piece
            if len(data) > MAX_BYTES:
                raise ChatError(f"the server's answer has more than {MAX_BYTES} bytes")
            if self._patience.clock() > end:
                raise requests.Timeout
        return bytes(data)

    def _text(self, response: requests.Response, data: bytes) -> str:
        status = response.status_code
        if status == 200:
            try:
                return self._key.removed_from(completion_text(data))
            except NoCompletion:
                raise _AgainError("the server's answer is no chat completion") from None
        said = self._key.hidden_in(f"the server answered {status}{complaint(data)}")
        if status in _AGAIN or status >= 500:
            raise _AgainError(said, retry_after(response.headers.get("Retry-After", "")))
        if status in _FOR_ALL and not self._answered:
            raise UserError(f"{self._address}: {said}; see to the url, the model's name and the key")
        raise ChatError(said)
