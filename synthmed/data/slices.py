"""Which slices of a volume become records, by a stated rule."""

from __future__ import annotations

import re
from collections.abc import Sequence

from synthmed.errors import UserError


def slice_indices(rule: str, depth: int, in_mask: Sequence[bool] | None = None) -> list[int]:
    """The indices that a rule takes of ``depth`` slices.

    Args:
        rule: ``central``; ``every:k`` (those at k/2, 3k/2, …, so that a volume's ends are not favoured); ``mask``
            (those that hold a part of the mask), ``mask:k`` (every k-th of those).
        in_mask: whether each slice holds a part of the mask; needed by ``mask``.

    Raises:
        UserError: no such rule, or a volume without a mask under ``mask``.
    """
    match = re.fullmatch(r"central|(every|mask):([1-9]\d{0,3})|mask", rule)
    if match is None:
        raise UserError(f"slices {rule!r}: write central, every:k, mask or mask:k")
    if rule == "central":
        return [depth // 2] if depth else []
    step = int(match[2] or 1)
    if match[1] == "every":
        return list(range(min(step // 2, max(depth - 1, 0)), depth, step))
    if in_mask is None:
        raise UserError(f"slices {rule!r}: this volume has no mask; use central or every:k")
    return [index for index, there in enumerate(in_mask) if there][::step]
