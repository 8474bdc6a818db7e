"""The settings of a training run: one section of a recipe."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

FREE_ON_RESUME = frozenset(
    "steps loader_workers max_minutes log_every validate_every sample_every checkpoint_every keep_checkpoints "
    "trackers".split()
)
"""Settings that may differ when a run goes on; all others decide what the weights become."""


class Settings(BaseModel):
    """How one stage is trained.

    Attributes:
        steps: optimiser steps. More steps than before extend a run; a cosine schedule then follows the new length.
        batch_size: items an optimiser step, of all processes and accumulated parts together, so that the same settings
            train the same on any number of devices.
        learning_rate: after the warm-up, at the top of the schedule.
        warmup_steps: steps of linear rise from 0.
        schedule: after the warm-up; ``cosine`` falls to 0 at the last step.
        clip_norm: the gradient's largest 2-norm; 0 does not clip.
        ema_decay: of the weights' moving average, see `synthmed.training.ema.Ema`; 0 keeps none.
        accumulate: parts that each process divides its share of a batch into, to save memory.
        precision: of the forward pass; weights stay float32. fp16 needs a GPU, bf16 hardware that has it.
        optimizer: ``adamw8bit`` needs bitsandbytes and CUDA.
        seed: of the order of data, their augmentation, and all noise.
        loader_workers: processes that load data; none of the numbers depends on it.
        keep_checkpoints: how many of the newest are kept.
        log_every: steps between log points; likewise the others, where 0 is never.
        trackers: beside TensorBoard, which is always written.
        max_minutes: stop after a checkpoint when so long has passed; the same call goes on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    steps: PositiveInt
    batch_size: PositiveInt = 16
    learning_rate: PositiveFloat = 1e-4
    weight_decay: NonNegativeFloat = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    eps: PositiveFloat = 1e-8
    warmup_steps: NonNegativeInt = 0
    schedule: Literal["constant", "cosine"] = "constant"
    clip_norm: NonNegativeFloat = 1.0
    ema_decay: float = Field(0.999, ge=0, lt=1)
    accumulate: PositiveInt = 1
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    optimizer: Literal["adamw", "adamw8bit"] = "adamw"
    seed: NonNegativeInt = 0
    loader_workers: NonNegativeInt = 0
    checkpoint_every: PositiveInt = 1000
    keep_checkpoints: PositiveInt = 2
    log_every: PositiveInt = 50
    validate_every: NonNegativeInt = 1000
    sample_every: NonNegativeInt = 1000
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ("tensorboard",)
    max_minutes: PositiveFloat | None = None

    def decisive(self) -> dict[str, Any]:
        """What must not change when a run goes on, as JSON values."""
        return self.model_dump(mode="json", exclude=set(FREE_ON_RESUME))
