"""The processes that ``accelerate launch`` started, asked for before the first stage has its accelerator."""

from __future__ import annotations

from accelerate import PartialState
from accelerate.utils import parse_flag_from_env


def process_state() -> PartialState:
    """accelerate's state; its first maker must say that they share a CPU; `Accelerator` reads that itself."""
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))
