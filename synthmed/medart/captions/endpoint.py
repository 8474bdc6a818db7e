"""Captions from any server with OpenAI's chat completions: vLLM, llama.cpp, a hospital's gateway, a cloud's API."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from synthmed.errors import UserError
from synthmed.medart.captions.chat import ChatClient, ChatError, Patience
from synthmed.medart.captions.domain import Domain
from synthmed.medart.captions.instructions import instruction
from synthmed.medart.captions.key import ApiKey
from synthmed.medart.captions.protocol import Failure, Picture
from synthmed.medart.captions.rejection import Rejection, Rule

_SEEDS = 2**31
"""What every server takes as a seed, those with 32-bit integers too."""


@dataclass(frozen=True)
class EndpointDescriber:
    """Asks a server about each picture; a describer of the command line.

    The pictures leave this machine for that server: see that they may. A caption is a function of the picture and its
    seed as far as the server keeps its seed.

    Args:
        model: its name on the server.
        url: the base, up to and with ``/v1``; vLLM's own by default.
        key_env: the environment variable with the API key; "" where the server wants none.
        concurrency: questions under way at once.
        per_minute: questions a minute, tries included; 0 is no limit.
        timeout: seconds for one answer.
        retries: further tries after a failure that may pass.
        tries: answers asked for until one obeys the instruction; see `Rejection`.
        limit: tokens of a caption, by 1.3 a word.
        longest: pixels of the longer side that is sent; larger pictures are made smaller.
        image: jpeg (quality 95) or png (lossless).
        extra: JSON object of further fields of the request, as ``{"top_k": 50}`` for vLLM; null leaves a field out.
        patience: in place of ``timeout`` and ``retries``, by code.

    Raises:
        UserError: no model, a wrong URL or value, or the key's variable is not set.
    """

    model: str = ""
    url: str = "http://localhost:8000/v1"
    key_env: str = ""
    concurrency: int = 4
    per_minute: float = 0.0
    timeout: float = 120.0
    retries: int = 5
    tries: int = 5
    limit: int = 120
    longest: int = 1024
    image: Literal["jpeg", "png"] = "jpeg"
    extra: str = ""
    patience: Patience | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.model:
            raise UserError("model: name the model as the server does")
        if self.image not in ("jpeg", "png"):
            raise UserError(f"image = {self.image!r}: jpeg or png")
        for name, least in (("concurrency", 1), ("longest", 1), ("retries", 0), ("per_minute", 0)):
            if not getattr(self, name) >= least:
                raise UserError(f"{name} = {getattr(self, name)}: must be {least} or more")
        if not self.timeout > 0:
            raise UserError(f"timeout = {self.timeout}: must be more than 0 seconds")
        # Made now, so that a wrong URL, key or field stops the command before any picture is read.
        _ = self._client, self._fields, self._rejection

    @property
    def name(self) -> str:
        """``endpoint:`` and the model's name; not the URL, which is nobody's business."""
        return f"endpoint:{self.model}"

    def describe(self, pictures: Sequence[Picture], domain: Domain, seeds: Sequence[int]) -> list[str | Failure]:
        """One caption a picture, or why there is none.

        Raises:
            UserError: the server knows neither key, URL nor model.
        """
        rules = [Rule(domain.sentence(picture.label), domain.attributes) for picture in pictures]

        def generate(places: Sequence[int], tries: Sequence[int]) -> list[str | Failure]:
            with ThreadPoolExecutor(self.concurrency) as pool:
                asked = pool.map(lambda place, seed: self._ask(pictures[place], rules[place], seed), places, tries)
                return list(asked)

        return self._rejection.captions(generate, rules, seeds)

    def _ask(self, picture: Picture, rule: Rule, seed: int) -> str | Failure:
        try:
            url = data_url(picture.pixels, self.longest, self.image)
        except (OSError, ValueError, TypeError) as error:
            return Failure(f"cannot be written as {self.image}: {' '.join(str(error).split())}")
        content = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": instruction(rule.sentence, rule.attributes)},
        ]
        # The paper's sampling, but for top-k, which OpenAI's own API refuses.
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": 0.8,
            "top_p": 0.9,
            "max_tokens": 150,
            "seed": seed % _SEEDS,
        }
        body |= self._fields
        try:
            return self._client.ask({name: value for name, value in body.items() if value is not None})
        except ChatError as error:
            return Failure(str(error))

    @cached_property
    def _client(self) -> ChatClient:
        patience = self.patience or Patience(timeout=self.timeout, retries=self.retries)
        return ChatClient(self.url, ApiKey(self.key_env), patience, self.per_minute)

    @cached_property
    def _rejection(self) -> Rejection:
        return Rejection(self.tries, self.limit)

    @cached_property
    def _fields(self) -> dict[str, Any]:
        try:
            fields = json.loads(self.extra or "{}")
        except (ValueError, RecursionError) as error:
            raise UserError(f"extra: not JSON ({error})") from None
        if not isinstance(fields, dict):
            raise UserError('extra: needs a JSON object, as {"top_k": 50}')
        return fields


def data_url(pixels: npt.NDArray[np.uint8], longest: int = 1024, form: Literal["jpeg", "png"] = "jpeg") -> str:
    """A picture (H, W, 3) uint8 as ``data:image/…;base64,…``, made smaller where a side is over ``longest`` pixels."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, form, **({"quality": 95, "subsampling": 0} if form == "jpeg" else {}))
    return f"data:image/{form};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
