"""The optimiser and its learning rate, a function of the step alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from diffusers.optimization import get_scheduler
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from synthmed.errors import UserError
from synthmed.training.settings import Settings


def make_optimizer(
    parameters: Iterable[nn.Parameter], settings: Settings, device: torch.device
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, https://arxiv.org/abs/1711.05101) on these parameters, one group.

    Raises:
        UserError: ``adamw8bit`` without CUDA or bitsandbytes.
    """
    options: dict[str, Any] = {
        "lr": settings.learning_rate,
        "betas": settings.betas,
        "eps": settings.eps,
        "weight_decay": settings.weight_decay,
    }
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(parameters, fused=True, **options)
    if device.type != "cuda":
        raise UserError("optimizer adamw8bit needs CUDA; use adamw")
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError:
        raise UserError("optimizer adamw8bit needs bitsandbytes: pip install bitsandbytes; or use adamw") from None
    eight_bit: torch.optim.Optimizer = AdamW8bit(parameters, **options)
    return eight_bit


def make_schedule(optimizer: torch.optim.Optimizer, settings: Settings, step: int = 0) -> LambdaLR:
    """diffusers' schedule, as it stands after ``step`` steps."""
    name = {"constant": "constant_with_warmup", "cosine": "cosine"}[settings.schedule]
    for group in optimizer.param_groups:
        group["initial_lr"] = settings.learning_rate
    return get_scheduler(
        name,
        optimizer,
        num_warmup_steps=settings.warmup_steps,
        num_training_steps=settings.steps,
        last_epoch=step - 1,
    )
