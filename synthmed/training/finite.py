"""A run ends at the first loss or gradient that is not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from accelerate import Accelerator

from synthmed.errors import SynthmedError
from synthmed.training.distributed import anywhere


def refuse_not_finite(values: Mapping[str, float], accelerator: Accelerator, step: int, newest: Path | None) -> None:
    """End a run whose weights this step would spoil. All processes call it together.

    Args:
        newest: the last checkpoint.

    Raises:
        SynthmedError: ``loss`` or ``gradient_norm`` is not finite, here or in another process.
    """
    names = ["loss", "gradient_norm"]
    if accelerator.scaler is not None and accelerator.scaler.get_scale() >= 1:
        names = ["loss"]  # the scaler leaves out a step whose gradients overflow, and scales less
    bad = [name for name in names if not math.isfinite(values[name])]
    if anywhere(bool(bad), accelerator.device):
        what = f"{bad[0].replace('_', ' ')} is {values[bad[0]]}" if bad else "a loss of another process is not finite"
        place = f"the last checkpoint is {newest}" if newest else "there is no checkpoint yet"
        raise SynthmedError(f"step {step}: {what}; {place}; lower learning_rate or clip_norm, or look at the data")
