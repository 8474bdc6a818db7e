"""Which network judges: one that is there, and that the generator was not trained with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthmed.data.pixels import check_file
from synthmed.errors import UserError
from synthmed.evaluation.embedders.open import open_embedder, refuse_trained
from synthmed.evaluation.embedders.protocol import Embedder

AUTO = "auto"
_PREFERRED = ("inception", "lite0")
_CARD = "training.json"
_MAX_BYTES = 2**26


@dataclass(frozen=True)
class Extractor:
    """The network that metrics of features use.

    Attributes:
        embedder: None where there is none.
        reason: why not.
    """

    embedder: Embedder | None
    reason: str = ""


def choose_extractor(name: str, networks: Sequence[str]) -> Extractor:
    """The embedder of that name; of ``auto`` InceptionV3 where its weights are, else EfficientNet-Lite0; or ``none``.

    Args:
        networks: names or digests of the networks that the generator was trained with: what taught cannot judge.

    Raises:
        UserError: there is no embedder of that name, or it cannot be opened. Of ``auto`` that is a reason.
    """
    if name == "none":
        return Extractor(None, "--embedder none")
    reasons = []
    for candidate in _PREFERRED if name == AUTO else (name,):
        try:
            embedder = open_embedder(candidate)
        except UserError as error:
            if name != AUTO:
                raise
            reasons.append(str(error))
            continue
        try:
            refuse_trained(embedder, networks)
        except UserError as error:
            reasons.append(str(error))
        else:
            return Extractor(embedder)
    return Extractor(None, "; ".join(reasons))


def training_networks(synthetic: Path, named: Sequence[str] = ()) -> tuple[str, ...] | None:
    """Outside networks that taught the generator, as far as anyone says; None where nobody does.

    Args:
        synthetic: a ``training.json`` in it counts.
        named: networks by name or digest, and model folders, whose ``training.json`` lists them; ``none`` for a
            generator that was trained without any.

    Raises:
        UserError: a model's card is not one.
    """
    cards = [folder / _CARD for folder in (synthetic, *map(Path, named)) if (folder / _CARD).is_file()]
    names = [name for name in named if name != "none" and not (Path(name) / _CARD).is_file()]
    if not cards and not named:
        return None
    return tuple(sorted({*names, *(network for card in cards for network in _listed(card))}))


def _listed(card: Path) -> list[str]:
    check_file(card, _MAX_BYTES)
    try:
        networks = json.loads(card.read_text(encoding="utf-8"))["networks"]
        if not isinstance(networks, list) or not all(isinstance(name, str) for name in networks):
            raise TypeError("networks is no list of names")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{card}: does not list the networks that taught ({error!r}); name them instead") from None
    return networks
