"""Recipes: one YAML an experiment, whose first lines are the command and the measured result."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic
import yaml

from synthmed.errors import UserError
from synthmed.registry import nearest

MAX_BYTES = 2**20
M = TypeVar("M", bound=pydantic.BaseModel)


def recipe_folder() -> Path:
    """The packaged recipes, else the checkout's (an editable install has no packaged ones)."""
    package = Path(__file__).parent
    for folder in (package / "recipes", package.parent / "recipes"):
        if folder.is_dir():
            return folder
    raise UserError("the recipes are missing from this installation; install synthmed again")


def recipes() -> list[tuple[str, str]]:
    """(name, summary) of every recipe; the summary is its first line, without the comment sign."""
    folder = recipe_folder()
    found = []
    for file in sorted(folder.rglob("*.yaml")):
        first = file.read_text(encoding="utf-8").split("\n", 1)[0]
        found.append((file.relative_to(folder).with_suffix("").as_posix(), first.lstrip("# ").strip()))
    return found


def find_recipe(name: str) -> Path:
    """A recipe by its name, or a YAML file of the user's own.

    Raises:
        UserError: neither; with the nearest name.
    """
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise UserError(f"{name}: no such recipe file")
        return Path(name)
    names = [known for known, _ in recipes()]
    if name not in names:
        raise UserError(f"no recipe {name!r}{nearest(name, names)}")
    return recipe_folder() / f"{name}.yaml"


def copy_recipe(name: str, to: Path | None = None, *, overwrite: bool = False) -> Path:
    """Copy a recipe to a file; into ``to`` if that is a folder, ``./<last part of the name>.yaml`` if None.

    Raises:
        UserError: no such recipe, or the file is there and ``overwrite`` is false.
    """
    source = find_recipe(name)
    target = Path(to) if to is not None else Path(source.name)
    if target.is_dir():
        target = target / source.name
    if target.exists() and not overwrite:
        raise UserError(f"{target} is there already; name another file, or replace it with --overwrite")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as error:
        raise UserError(f"{target}: {error.strerror}") from None
    return target


def load_recipe(name: str, schema: type[M], overrides: Sequence[str] = ()) -> M:
    """Read and validate a recipe.

    Args:
        overrides: ``a.b=c`` each, with c as YAML; a place in a list is its number (``data.parts.0.limit=64``).

    Raises:
        UserError: no such recipe, not YAML, an unknown key (with the nearest valid one), a value of the wrong type, or
            an override that is none.
    """
    return validate(read_recipe(name, overrides), schema, str(find_recipe(name)))


def read_recipe(name: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """A recipe's keys and values, as they are written and overridden.

    Raises:
        UserError: as `load_recipe`, but for keys and types.
    """
    file = find_recipe(name)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UserError(f"{file}: over {MAX_BYTES} bytes; this is not a recipe")
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{file}: a recipe is a mapping of keys to values")
    for override in overrides:
        _override(data, override)
    return data


def validate(data: Any, schema: type[M], where: str) -> M:
    """Keys and values as a typed section of a recipe.

    Raises:
        UserError: an unknown key (with the nearest valid one), or a value of the wrong type; begins with ``where``.
    """
    try:
        return schema.model_validate(data)
    except pydantic.ValidationError as error:
        raise UserError(f"{where}: {_problem(error, schema)}") from None


def _override(data: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        raise UserError(f"{override!r} is no override; write key=value, as in training.steps=100")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{override!r}: not YAML: {' '.join(str(error).split())}") from None
    place: Any = data
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(place, list):
            if not key.isascii() or not key.isdigit() or int(key) >= len(place):
                raise UserError(f"{override!r}: {'.'.join(keys[:depth])} is a list of {len(place)}, without {key!r}")
            at: Any = int(key)
        elif isinstance(place, dict):
            at = key
        else:
            raise UserError(f"{override!r}: {'.'.join(keys[:depth])} has no keys; it is {place!r}")
        if last:
            place[at] = value
        else:
            if isinstance(place, dict) and place.get(at) is None:
                place[at] = {}
            place = place[at]


def _problem(error: pydantic.ValidationError, schema: type[pydantic.BaseModel]) -> str:
    problem = error.errors(include_url=False)[0]
    path = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"unknown key {path!r}{nearest(str(problem['loc'][-1]), _keys(schema, problem['loc'][:-1]))}"
    return f"{path}: {problem['msg']}"


def _keys(schema: type[pydantic.BaseModel], path: tuple[Any, ...]) -> list[str]:
    for part in path:
        if isinstance(part, int):  # a place in a list, whose items' type was taken already
            continue
        inner = _section(schema.model_fields[str(part)].annotation) if str(part) in schema.model_fields else None
        if inner is None:
            return []
        schema = inner
    return list(schema.model_fields)


def _section(annotation: Any) -> type[pydantic.BaseModel] | None:
    """The section within ``Section``, ``Section | None``, ``tuple[Section, ...]`` or ``dict[str, Section]``."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    found = [section for part in get_args(annotation) if (section := _section(part)) is not None]
    return found[0] if len(found) == 1 else None
