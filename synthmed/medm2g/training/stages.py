"""The stages of a recipe: what each trains, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from synthmed.training.settings import Settings

Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Weight = pydantic.NonNegativeFloat


class _Stage(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    training: Settings


class AutoencoderStage(_Stage):
    """Trains the part ``autoencoder_<name>`` on all images of the fields that it encodes.

    Attributes:
        name: ``grey`` for the shared one, else a modality.
        perceptual: SqueezeNet's weights (.npz) for the perceptual loss.
        adversarial: train MONAI's patch discriminator beside.
    """

    stage: Literal["autoencoder"]
    name: str = "grey"
    kl_weight: Weight = 1e-6
    perceptual: Literal["none"] | Path = "none"
    perceptual_weight: Weight = 0.1
    adversarial: bool = False
    adversarial_weight: Weight = 0.01


class MaskAutoencoderStage(_Stage):
    """Trains the part ``autoencoder_<name>_mask`` on the label maps of a modality.

    Attributes:
        name: the modality.
    """

    stage: Literal["mask_autoencoder"]
    name: str
    kl_weight: Weight = 1e-6


class TextAutoencoderStage(_Stage):
    """Trains OPTIMUS on all reports; see `synthmed.medm2g.objectives.text_vae.TextVaeObjective`.

    Attributes:
        cycles: of β.
        top: the largest β.
        free_bits: nats a dimension that are free.
    """

    stage: Literal["text_autoencoder"]
    cycles: pydantic.PositiveInt = 1
    top: Weight = 1.0
    free_bits: Weight = 0.5
    length_weighted: bool = True
    word_dropout: Share = 0.0


class _InvariantStage(_Stage):
    """What may hold two augmented views of an image together in the prompt space.

    Attributes:
        invariant: the visual invariant of the image encoders that are trained.
        invariant_weight: of it. The paper gives none. Its sum begins near the projector's width (hundreds), InfoNCE's
            near the logarithm of the batch (4): at a weight of 1 the clipped step is the invariant's alone.
        off_diagonal: λ of Barlow Twins.
        projector: its widths after the first; the size's by default.
        views: the random transform of the views, as a pipeline; the modality's default where empty.
    """

    invariant: bool = True
    invariant_weight: Weight = 0.005
    off_diagonal: Weight = 0.0051
    projector: tuple[pydantic.PositiveInt, ...] | None = None
    views: list[dict[str, Any]] = []


class AlignmentStage(_InvariantStage):
    """Aligns the prompt encoders of a pair, on the records that have both.

    Attributes:
        pair: modalities, ``text`` among them.
        train: whose encoder changes; by default those that no earlier stage trained, and the second if both were.
        label_prompts: how often a text is replaced by its record's labels in the template's words, so that both kinds
            of prompt are understood. A record without a text always has that one.
        text_start: what a text encoder that this stage trains begins with: new weights, or those of the text
            autoencoder's encoder, which knows what the reports say.
    """

    stage: Literal["alignment"]
    pair: tuple[str, str]
    train: tuple[str, ...] | None = None
    label_prompts: Share = 0.25
    text_start: Literal["new", "autoencoder"] = "new"


class FlowStage(_InvariantStage):
    """Trains one modality's flow on latents.

    Attributes:
        modality: or ``text``.
        drop: probability of the null prompt.
        given_probability: that some groups of an item are given clean; or one probability a group.
        condition: what may prompt it: other modalities, ``text``, ``labels``; by default all that the data pair with it
            and, under ``central``, whose encoder is trained.
        central: prompts come ready from the frozen encoders of the alignment. False trains by the diffusion loss alone
            those encoders that no earlier stage trained.
        invariant: the visual invariant of the image encoders that this stage trains; without ``central`` alone, as
            there is nothing to train otherwise.
    """

    stage: Literal["flow"]
    modality: str
    drop: Share = 0.1
    given_probability: Share | tuple[Share, ...] = 0.25
    condition: tuple[str, ...] | None = None
    central: bool = True
    invariant: bool = False

    @pydantic.model_validator(mode="after")
    def _trains_encoders(self) -> FlowStage:
        if self.invariant and self.central:
            raise ValueError("invariant: trains prompt encoders, which are ready under central; add central: false")
        return self


class RoundStage(_Stage):
    """One round of multi-flow training, on the records that have both modalities.

    Attributes:
        pair: the two flows that guide each other.
        train: whose V, f and guidance layers change; by default those that no earlier round trained, and the second
            if both were, as in the paper's three rounds.
        clean_probability: that a side is shown clean to the other, which trains translation.
        earlier_probability: that it is shown as it was at an earlier time, from which V learns what to look for.
        drop: probability of the null prompt, and of f of a clean side without its prompt embedding.
        unknown: that f of a noised side is without the prompt embedding of its clean image, as it is where both are
            made together; the paper, which always has it, does not say what joint generation puts in its place.
        condition: what else prompts both; by default what each flow's own stage was prompted by, but the other side;
            of flows that were trained elsewhere all that the data pair with the two.
        env_contrastive: weight of CoDi's contrast between the two V.
    """

    stage: Literal["round"]
    pair: tuple[str, str]
    train: tuple[str, ...] | None = None
    clean_probability: Share = 0.25
    earlier_probability: Share = 0.5
    drop: Share = 0.1
    unknown: Share = 0.5
    condition: tuple[str, ...] | None = None
    env_contrastive: Weight = 0.0

    @pydantic.model_validator(mode="after")
    def _probabilities(self) -> RoundStage:
        if self.clean_probability + self.earlier_probability > 1:
            raise ValueError("clean_probability and earlier_probability: together at most 1")
        return self


Stage = AutoencoderStage | MaskAutoencoderStage | TextAutoencoderStage | AlignmentStage | FlowStage | RoundStage

STAGES: dict[str, type[_Stage]] = {
    "autoencoder": AutoencoderStage,
    "mask_autoencoder": MaskAutoencoderStage,
    "text_autoencoder": TextAutoencoderStage,
    "alignment": AlignmentStage,
    "flow": FlowStage,
    "round": RoundStage,
}

DEFAULTS: dict[str, dict[str, Any]] = {
    "autoencoder": {"steps": 20_000, "batch_size": 16, "learning_rate": 5e-4},
    "mask_autoencoder": {"steps": 5_000, "batch_size": 16, "learning_rate": 5e-4},
    "text_autoencoder": {"steps": 20_000, "batch_size": 32, "learning_rate": 3e-4},
    "alignment": {"steps": 5_000, "batch_size": 64, "learning_rate": 3e-4, "weight_decay": 1e-4},
    "flow": {"steps": 50_000, "batch_size": 64, "learning_rate": 2e-4},
    "round": {"steps": 10_000, "batch_size": 32, "learning_rate": 2e-4, "weight_decay": 1e-4},
}
"""Of the small sizes; the paper's are in the ``paper`` recipes' own words. A recipe's ``training`` comes before them,
and a stage's before that."""


def label(stage: Stage) -> str:
    """The name of a stage, as in ``flow-xray``."""
    if isinstance(stage, AlignmentStage | RoundStage):
        return "-".join([stage.stage, *stage.pair])
    if isinstance(stage, FlowStage):
        return f"flow-{stage.modality}"
    if isinstance(stage, TextAutoencoderStage):
        return "text-autoencoder"
    return f"{stage.stage.replace('_', '-')}-{stage.name}"
