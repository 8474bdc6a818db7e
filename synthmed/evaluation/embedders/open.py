"""An embedder by its name, and the guard that no judge has taught."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synthmed.errors import UserError
from synthmed.evaluation.embedders import EMBEDDERS
from synthmed.evaluation.embedders.protocol import Embedder
from synthmed.registry import resolve


def open_embedder(name: str) -> Embedder:
    """A registered embedder, or the user's own as ``module:attribute``: one, or what makes one when called.

    Raises:
        UserError: no such name; it cannot be imported; or it is not an `Embedder`.
    """
    if ":" not in name:
        return EMBEDDERS.get(name)()
    try:
        found: Any = resolve(name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"embedder {name!r}: {error}; write module:attribute of what can be imported") from None
    if isinstance(found, type) or not hasattr(found, "digest"):
        found = found()
    for attribute, kind in (("name", str), ("width", int), ("digest", str), ("size", int)):
        if not isinstance(getattr(found, attribute, None), kind):
            raise UserError(f"embedder {name!r}: has no {attribute} ({kind.__name__}); see Embedder's contract")
    if not callable(found):
        raise UserError(f"embedder {name!r}: cannot be called; see Embedder's contract")
    embedder: Embedder = found
    return embedder


def refuse_trained(embedder: Embedder, networks: Iterable[str]) -> None:
    """Refuse an extractor that the generator was trained with: what taught cannot judge.

    Args:
        networks: names or digests of every network that training used, as the model's card lists them.

    Raises:
        UserError: the embedder is one of them, whatever the spelling.
    """
    own = _plain(embedder.name)
    for network in networks:
        if own in _plain(network) or embedder.digest == network:
            raise UserError(
                f"{embedder.name} was used in training the generator (as {network!r}), so it cannot judge it; "
                "choose another embedder"
            )


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
