"""From a model's name, folder or hub id to a Generator."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from synthmed.errors import UserError
from synthmed.hub import HubId, fetch, hub_id, remote_of
from synthmed.protocols import Generator
from synthmed.registry import Entry, Registry, nearest

MODELS: Registry[Callable[[], Generator]] = Registry(
    "models",
    [
        Entry(
            "phantom", "procedural thorax: X-ray, CT, MRI, masks and report of a patient", "synthmed.phantom:Phantom"
        ),
        Entry("medart", "photographs and the like of texts, by PixArt with LoRA", "synthmed.medart.model:MedArt"),
        Entry("medm2g", "text, X-ray, MRI and CT of each other, by latent flows", "synthmed.medm2g.model:MedM2G"),
    ],
)
"""Model classes by ``model_type``. Called without arguments one gives its packaged default, where it has one;
``from_pretrained(folder)`` reads a folder that ``save_pretrained`` wrote."""

MAX_CONFIG_BYTES = 2**24


def load_model(model: str | Path, device: str = "cpu") -> Generator:
    """Load a generator by its registered name, or from a folder whose ``config.json`` names a ``model_type``.

    What is neither and looks like ``owner/name`` or ``owner/name@revision`` is fetched from the Hugging Face hub, but
    for where a folder ``owner`` is here; the generator's ``source`` is then that of the commit, so that workers and
    later runs load the same files.

    Args:
        device: where its networks go, as torch names it; a generator without networks has no ``to`` and stays.

    Raises:
        UserError: no such name, folder or repository, it is not a model, or no model of that name is packaged.
    """
    generator = _load(model)
    move = getattr(generator, "to", None)
    if device != "cpu" and move is not None:
        move(device)
    return generator


def _load(model: str | Path) -> Generator:
    if str(model) in MODELS:
        return _packaged(str(model))
    folder = Path(model)
    if folder.is_dir():
        return _from_folder(folder)
    remote = remote_of(model)
    if remote is None:
        named = hub_id(model)
        owner = "" if named is None else named.repository.partition("/")[0]
        hint = f"; the hub is not asked, as {owner} is a folder here" if owner else nearest(str(model), MODELS.names())
        raise UserError(f"{model} is neither a model folder nor a model's name{hint}")
    return _from_hub(remote)


def _packaged(name: str) -> Generator:
    make = MODELS.get(name)
    try:
        inspect.signature(make).bind()
    except TypeError:
        raise UserError(
            f"{name}: no trained model of this name is packaged; name the folder of one, or its hub id, or train one: "
            f"`synthmed ls recipes` (a folder of this name is ./{name})"
        ) from None
    return make()


def _from_folder(folder: Path) -> Generator:
    return cast(Generator, cast(Any, MODELS.get(_kind(folder))).from_pretrained(folder))


def _from_hub(remote: HubId) -> Generator:
    # The config comes first: what is no model of ours is not worth its gigabytes.
    commit = HubId(remote.repository, fetch(remote, ["config.json"]).name)
    MODELS.get(_kind(fetch(commit, ["config.json"])))
    generator = _from_folder(fetch(commit))
    generator.source = str(commit)
    return generator


def _kind(folder: Path) -> str:
    kind = read_config(folder).get("model_type")
    if not isinstance(kind, str):
        raise UserError(f"{folder / 'config.json'}: model_type is missing, or not a string")
    return kind


def read_config(folder: Path) -> dict[str, Any]:
    """A model folder's ``config.json``.

    Raises:
        UserError: it is missing, too large, or not a JSON object.
    """
    file = folder / "config.json"
    try:
        if file.stat().st_size > MAX_CONFIG_BYTES:
            raise UserError(f"{file}: over {MAX_CONFIG_BYTES} bytes; this is not a model's config")
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; a model folder has a config.json") from None
    except ValueError as error:
        raise UserError(f"{file}: not JSON ({error})") from None
    if not isinstance(config, dict):
        raise UserError(f"{file}: not a JSON object")
    return config
