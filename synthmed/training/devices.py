"""Where a run computes: accelerate's processes, devices, precision and trackers."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.tracking import get_available_trackers
from accelerate.utils import DistributedDataParallelKwargs, ProjectConfiguration
from torch import nn

from synthmed.errors import UserError
from synthmed.training.settings import Settings


def start_accelerator(settings: Settings, folder: Path) -> Accelerator:
    """One process on the device there is, or a part of what ``accelerate launch`` started.

    Raises:
        UserError: the device has not this precision, or a tracker is not installed.
    """
    names = ["tensorboard", *(name for name in settings.trackers if name != "tensorboard")]
    installed = {tracker.value for tracker in get_available_trackers()}
    for name in names:
        if name not in installed:
            raise UserError(f"tracker {name} is not installed: pip install {name}; or leave it out of trackers")
    precision = "no" if settings.precision == "fp32" else settings.precision
    # accelerate keeps one precision a process; a program may train several stages.
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()
    try:
        accelerator = Accelerator(
            mixed_precision=precision,
            log_with=names,
            project_config=ProjectConfiguration(str(folder), logging_dir=str(folder / "tensorboard")),
            # A loss may leave a network out in some steps, as a condition that is dropped.
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
    except ValueError as error:
        if precision == "no":
            raise
        raise UserError(f"precision {precision}: {' '.join(str(error).split())}; use fp32") from None
    if precision == "fp16" and accelerator.device.type == "cpu":
        raise UserError("precision fp16: a CPU trains in fp32")
    if precision == "bf16" and accelerator.device.type == "cpu" and not _cpu_has_bf16():
        raise UserError("precision bf16: this CPU has no bf16 of its own, and would be many times slower; use fp32")
    return accelerator


def release(accelerator: Accelerator, model: nn.Module) -> None:
    """Take off a prepared objective what accelerate put on: processes, autocast, and its instance's own ``forward``."""
    objective = accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    vars(objective).pop("forward", None)


def _cpu_has_bf16() -> bool:
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
