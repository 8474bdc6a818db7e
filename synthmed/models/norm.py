"""The number of groups of a GroupNorm for a width."""

from __future__ import annotations

import math


def norm_groups(channels: int) -> int:
    """At most 32 groups that divide ``channels``, of at least four channels each where the width allows it.

    diffusers' default of 32 groups, which it reaches at 128 channels, scaled down for narrow networks: 64 → 16, 16 → 4.
    """
    return math.gcd(channels, 32, max(channels // 4, 1)) if channels < 128 else math.gcd(channels, 32)
