"""What a Med-Art model is made of, as its folder's ``config.json`` holds it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from synthmed.errors import UserError
from synthmed.medart.lora import LoraSpec
from synthmed.modality import MODALITIES, canonical, image_name
from synthmed.prompts import PromptConfig

Side = Annotated[int, pydantic.Field(ge=1, le=2**14)]
"""Rows or columns."""


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Lora(_Section):
    """The adapters; None where a network has none.

    Attributes:
        transformer: of the DiT.
        text_encoder: of T5.
    """

    transformer: LoraSpec | None = None
    text_encoder: LoraSpec | None = None


class SchedulerConfig(_Section):
    """PixArt's noise and solver, by diffusers' names; the defaults are PixArt-α's own.

    DPM-Solver++ (Lu et al., 2211.01095) of order 2 by the midpoint rule, first order in the last step.
    """

    num_train_timesteps: int = pydantic.Field(default=1000, ge=1, le=10_000)
    beta_start: float = pydantic.Field(default=1e-4, gt=0, lt=1)
    beta_end: float = pydantic.Field(default=0.02, gt=0, lt=1)
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] = "linear"
    prediction_type: Literal["epsilon"] = "epsilon"
    algorithm_type: Literal["dpmsolver++"] = "dpmsolver++"
    solver_order: Literal[1, 2, 3] = 2
    solver_type: Literal["midpoint", "heun"] = "midpoint"
    lower_order_final: bool = True
    euler_at_final: bool = False
    use_karras_sigmas: bool = False
    timestep_spacing: Literal["linspace", "leading", "trailing"] = "linspace"

    def make(self) -> Any:
        """A new ``DPMSolverMultistepScheduler``: one a trajectory, since its step counts."""
        from diffusers import DPMSolverMultistepScheduler

        return DPMSolverMultistepScheduler(**self.model_dump())


class SamplerConfig(_Section):
    """How images are drawn; the paper trains with 20 steps and draws with 50.

    More steps than PixArt's 1000 times would take a time twice, and DPM-Solver++ divides by their distance.
    """

    name: Literal["dpm++"] = "dpm++"
    steps: int = pydantic.Field(default=20, ge=1, le=1000)
    guidance: float = pydantic.Field(default=4.5, ge=1)


class Config(_Section):
    """A Med-Art model.

    Attributes:
        size: the preset that the networks came from; ``""`` for those of a pipeline.
        image: the field that it makes, as in ``photo``.
        pixels: (rows, columns).
        window: (low, high) HU of a CT.
        spacing: (row, column) mm.
        text_length: tokens of a prompt, padding among them.
        base: a diffusers pipeline (hub id or folder) that has the networks, the tokenizer and no adapters; None where
            the model's own folder has them.
        labels: that it can put on a sample.
        batch_size: images a call.
    """

    model_type: Literal["medart"] = "medart"
    size: str = ""
    image: str = "photo"
    pixels: tuple[Side, Side]
    window: tuple[float, float] | None = None
    spacing: tuple[pydantic.PositiveFloat, pydantic.PositiveFloat] = (1.0, 1.0)
    text_length: int = pydantic.Field(default=120, ge=2, le=4096)
    base: str | None = None
    lora: Lora = Lora()
    scheduler: SchedulerConfig = SchedulerConfig()
    sampler: SamplerConfig = SamplerConfig()
    labels: tuple[str, ...] = ()
    prompts: PromptConfig = PromptConfig()
    batch_size: pydantic.PositiveInt = 16

    @property
    def value_range(self) -> tuple[float, float]:
        """What -1 and 1 of the networks stand for: the window in HU, else the modality's range."""
        modality = MODALITIES.get(image_name(self.image).modality)
        return self.window or (modality.low, modality.high)

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Config:
        try:
            name = image_name(self.image)
            modality = MODALITIES.get(name.modality)
        except UserError as error:
            raise ValueError(str(error)) from None
        if name.mask or modality.channels not in (1, 3) or canonical(self.image) != self.image:
            raise ValueError(f"image {self.image!r}: one image of 1 or 3 channels, so spelled")
        if modality.unit == "HU" and self.window is None:
            raise ValueError(f"image {self.image!r} needs a window in HU")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"window {self.window}: low is below high")
        if modality.unit != "HU" and self.window is not None:
            raise ValueError(f"image {self.image!r} is not in HU, and has no window")
        return self
