"""From a recipe's ``_target_`` entries to a MONAI `Compose`, without running anybody's code on the way."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from monai.transforms import Compose, Transform

from synthmed.errors import UserError
from synthmed.registry import nearest

TARGET = "_target_"
TRUSTED = ("monai.", "torchio.", "synthmed.")
# They read or write files of the recipe's choosing, some by pickle; records are read by LoadRecord.
_FILE_MODULES = ("monai.transforms.io.",)


def build_pipeline(steps: Sequence[Mapping[str, Any]], *, where: str, trust: bool = False) -> Compose:
    """The `Compose` of a recipe's transforms, each a mapping of ``_target_`` (a dotted class) and its arguments.

    Arguments are plain values, lists and mappings, or such mappings themselves. Unlike MONAI's `ConfigParser`, a string
    is a string: there are no ``$`` expressions and no references.

    Args:
        where: what the steps are in the recipe, for error messages (``data.pipelines.xray``).
        trust: take any importable class. Otherwise a transform of ``monai.``, ``torchio.`` or ``synthmed.`` that
            reads and writes no files.

    Raises:
        UserError: a step is not such a mapping, is not to be had (with the nearest name), is refused, or takes other
            arguments; names the step.
    """
    return Compose([_build(step, f"{where}[{place}]", trust) for place, step in enumerate(steps)])


def _build(step: Any, where: str, trust: bool) -> Any:
    if not isinstance(step, Mapping) or not isinstance(step.get(TARGET), str):
        raise UserError(f"{where}: a transform is a mapping with a {TARGET}, such as monai.transforms.Resized")
    target = step[TARGET]
    kind = _allowed(target, where) if not trust else _find(target, where)
    arguments = {str(name): _value(value, f"{where}.{name}", trust) for name, value in step.items() if name != TARGET}
    try:
        return kind(**arguments)
    except UserError as error:
        raise UserError(f"{where}: {target}: {error}") from None
    except Exception as error:  # whatever a library's constructor thinks of the recipe's arguments
        raise UserError(f"{where}: {target} does not take these arguments: {_one_line(error)}") from None


def _value(value: Any, where: str, trust: bool) -> Any:
    if isinstance(value, Mapping):
        if TARGET in value:
            return _build(value, where, trust)
        return {str(name): _value(inner, f"{where}.{name}", trust) for name, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner, f"{where}[{place}]", trust) for place, inner in enumerate(value)]
    return value


def _allowed(target: str, where: str) -> Any:
    if not target.startswith(TRUSTED):
        raise UserError(
            f"{where}: {target} is outside {', '.join(TRUSTED)}; read its code, then allow it with --trust-recipe"
        )
    kind = _find(target, where)
    if not (inspect.isclass(kind) and issubclass(kind, _transforms())):
        raise UserError(f"{where}: {target} is not a transform")
    if kind.__module__.startswith(_FILE_MODULES):
        raise UserError(f"{where}: {target} reads or writes files by itself; records are read before the first step")
    return kind


def _transforms() -> tuple[type, ...]:
    import torchio  # half a second that other pipelines need not wait

    return (Transform, torchio.Transform)


def _find(target: str, where: str) -> Any:
    """The object of a dotted name, by the longest part of it that is a module."""
    module_name, _, name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(f"{where}: {target} cannot be imported: {_one_line(error)}") from None
    except Exception as error:  # the module's own code
        raise UserError(f"{where}: importing {module_name} fails: {_one_line(error)}") from None
    if not hasattr(module, name):
        raise UserError(f"{where}: {module_name} has no {name!r}{nearest(name, _public(module))}")
    return getattr(module, name)


def _public(module: Any) -> list[str]:
    return [name for name in dir(module) if not name.startswith("_") and name[:1].isupper()]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
