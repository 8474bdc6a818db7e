"""The entries of a recipe's ``stages``, typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pydantic

from synthmed.errors import UserError
from synthmed.recipe import validate
from synthmed.registry import nearest


def typed_stage(
    entry: Mapping[str, Any],
    common: Mapping[str, Any],
    where: str,
    kinds: Mapping[str, type[pydantic.BaseModel]],
    defaults: Mapping[str, Mapping[str, Any]],
) -> Any:
    """One stage, by the kind that its ``stage`` names.

    Args:
        common: settings of all stages' ``training``, which a stage's own override.
        where: the file and the place, for error messages.
        defaults: of each kind's ``training``.

    Raises:
        UserError: an unknown key or stage (with the nearest), or a value of the wrong type.
    """
    kind = entry.get("stage")
    if not isinstance(kind, str) or kind not in kinds:
        raise UserError(f"{where}: no stage {kind!r}{nearest(str(kind), kinds)}")
    own = entry.get("training") or {}
    if not isinstance(own, Mapping):
        raise UserError(f"{where}: training is a mapping of settings")
    return validate({**entry, "training": {**defaults[kind], **common, **own}}, kinds[kind], where)
