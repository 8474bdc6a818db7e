"""The stages of a recipe: what each trains, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from synthmed.medart.hldf.colour import ColourStep, Reduction
from synthmed.training.settings import Settings

Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Weight = pydantic.NonNegativeFloat


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AutoencoderStage(_Section):
    """Trains the autoencoder on all images; the scale of its latents is measured afterwards.

    Attributes:
        perceptual: SqueezeNet's weights (.npz) for the perceptual loss.
        adversarial: train MONAI's patch discriminator beside.
    """

    stage: Literal["autoencoder"]
    kl_weight: Weight = 1e-6
    perceptual: Literal["none"] | Path = "none"
    perceptual_weight: Weight = 0.1
    adversarial: bool = False
    adversarial_weight: Weight = 0.01
    training: Settings


class _Diffusion(_Section):
    """What trains the transformer or the text encoder.

    Attributes:
        drop: probability that a caption is the empty one.
        cached: latents are computed once a row, with the pipeline's random transforms drawn once; False encodes each
            image when its turn comes, so that every epoch has other crops.
        block_checkpointing: recompute the transformer's blocks in the backward pass, to save memory.
    """

    drop: Share = 0.0
    cached: bool = True
    block_checkpointing: bool = False
    training: Settings


class BaseStage(_Diffusion):
    """Trains all weights of the transformer and of the text encoder; no colour loss."""

    stage: Literal["base"]
    drop: Share = 0.1


class Colour(_Section):
    """When and how colours are compared; see `synthmed.medart.hldf.colour.ColourStep`. ``every: 0`` is LoRA alone."""

    every: pydantic.NonNegativeInt = 500
    steps: pydantic.PositiveInt = 20
    guidance: float = pydantic.Field(default=4.5, ge=1)
    batch: pydantic.PositiveInt = 1
    reduction: Reduction = "sum"
    at_start: bool = True
    calls: Literal[1, 2] = 1
    checkpoint: bool = True
    last: pydantic.PositiveInt | None = None

    @pydantic.model_validator(mode="after")
    def _within(self) -> Colour:
        if self.last is not None and self.last > self.steps:
            raise ValueError(f"last is {self.last}; from 1 to steps ({self.steps}), or none for all")
        return self

    def make(self) -> ColourStep:
        """As the objective takes it."""
        return ColourStep(**self.model_dump())


class AdaptStage(_Diffusion):
    """Trains the adapters, by the diffusion loss and HLDF (2506.20449). The paper never drops a caption.

    Attributes:
        colour: HLDF's.
    """

    stage: Literal["adapt"]
    colour: Colour = Colour()


Stage = AutoencoderStage | BaseStage | AdaptStage

STAGES: dict[str, type[Any]] = {"autoencoder": AutoencoderStage, "base": BaseStage, "adapt": AdaptStage}
"""In the only order in which they can follow one another."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "autoencoder": {"steps": 20_000, "batch_size": 16, "learning_rate": 5e-4},
    "base": {"steps": 50_000, "batch_size": 32, "learning_rate": 2e-4},
    "adapt": {"steps": 5_000, "batch_size": 8, "learning_rate": 1e-4, "ema_decay": 0.0},
}
"""Of the small sizes. A recipe's ``training`` comes before them, and a stage's before that."""
