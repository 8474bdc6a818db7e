"""What a command line says over a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import pydantic

Recipe = TypeVar("Recipe", bound=pydantic.BaseModel)


def with_options(recipe: Recipe, *, allow_leak: bool, init: Path | None) -> Recipe:
    """The recipe with ``data.allow_leak`` and ``model.init`` where the options ask for them."""
    said: dict[str, dict[str, Any]] = {}
    if allow_leak:
        said["data"] = {"allow_leak": True}
    if init is not None:
        said["model"] = {"init": str(init)}
    sections = {name: getattr(recipe, name).model_copy(update=values) for name, values in said.items()}
    return recipe.model_copy(update=sections)
