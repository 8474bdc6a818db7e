"""The stage that aligns two prompt encoders, and makes images' features invariant."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import nn

from synthmed.medm2g.losses.barlow_twins import barlow_twins
from synthmed.medm2g.losses.info_nce import info_nce
from synthmed.training.distributed import gather

Input = torch.Tensor | Mapping[str, torch.Tensor]
"""An image encoder's images (B, C, H, W), or a text encoder's ``input_ids`` and ``attention_mask``."""


class AlignmentObjective(nn.Module):
    """Central alignment (equation 3 of MedM2G) of one pair of encoders, and the visual invariant (equation 4).

    The first pair is text and an image modality, with both trained; later ones keep the text encoder, and CT–MRI keeps
    CT. The invariant compares two augmented views of each image through a projector, which is thrown away afterwards.

    Args:
        encoder_a, encoder_b: `TextPromptEncoder`, `ImagePromptEncoder` or CLIP's towers.
        train: the sides whose encoder changes.
        projector_a, projector_b: `Projector` from the encoder's width, for an image encoder that is trained; None for
            no invariant of it, and no second view.
        invariant_weight: of the sum of the invariants.
        off_diagonal: λ of Barlow Twins.
        logit_scale_init: log 1/τ at first; it is trained, within [0, log 100], as CLIP's.

    Raises:
        ValueError: ``train`` names no side or an unknown one, or there is a projector of a frozen encoder.
    """

    def __init__(
        self,
        encoder_a: nn.Module,
        encoder_b: nn.Module,
        train: Collection[str] = ("a", "b"),
        projector_a: nn.Module | None = None,
        projector_b: nn.Module | None = None,
        invariant_weight: float = 1.0,
        off_diagonal: float = 0.0051,
        logit_scale_init: float = math.log(1 / 0.07),
    ) -> None:
        super().__init__()
        if not train or not set(train) <= {"a", "b"}:
            raise ValueError(f"train = {list(train)}: name a, b or both")
        projectors = {"a": projector_a, "b": projector_b}
        self.invariant_weight, self.off_diagonal = invariant_weight, off_diagonal
        encoders = {"a": encoder_a, "b": encoder_b}
        self.frozen = nn.ModuleDict({side: encoder for side, encoder in encoders.items() if side not in train})
        self.frozen.requires_grad_(False).eval()
        self.trained = nn.ModuleDict({f"encoder_{side}": encoders[side] for side in "ab" if side in train})
        for side, projector in projectors.items():
            if projector is not None and side not in train:
                raise ValueError(f"projector_{side}: encoder_{side} is frozen, so that its invariant trains nothing")
            if projector is not None:
                self.trained[f"projector_{side}"] = projector
        self.trained["temperature"] = _Temperature(logit_scale_init)
        self.trained.requires_grad_(True)

    def forward(self, batch: Mapping[str, Any], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``loss``, ``info_nce``, ``logit_scale``, and ``invariant_<side>`` for each projector. Draws nothing.

        Args:
            batch: ``a`` and ``b``, an `Input` each, whose rows are pairs; for each projector ``view1_<side>`` and
                ``view2_<side>``, two augmentations of the same images.
        """
        scale = self.trained["temperature"]()
        contrast = info_nce(self._encode("a", batch["a"]), self._encode("b", batch["b"]), scale)
        losses = {"info_nce": contrast, "logit_scale": scale}
        loss = contrast
        for side in "ab":
            if f"projector_{side}" in self.trained:
                invariant = self._invariant(side, batch)
                losses[f"invariant_{side}"] = invariant
                loss = loss + self.invariant_weight * invariant
        return {"loss": loss, **losses}

    def _encode(self, side: str, value: Input) -> torch.Tensor:
        encoder = self.frozen[side] if side in self.frozen else self.trained[f"encoder_{side}"]
        vectors: torch.Tensor = encoder(**value) if isinstance(value, Mapping) else encoder(value)
        return vectors

    def _invariant(self, side: str, batch: Mapping[str, Any]) -> torch.Tensor:
        projector = self.trained[f"projector_{side}"]
        # Gathered first: the projector's batch norm is then over all processes' rows, as the loss is.
        projected = [projector(gather(self._encode(side, batch[f"{view}_{side}"]))) for view in ("view1", "view2")]
        return barlow_twins(projected[0], projected[1], self.off_diagonal)


class _Temperature(nn.Module):
    """log 1/τ, which may not leave [0, log 100]."""

    def __init__(self, init: float) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(init))

    def forward(self) -> torch.Tensor:
        """The scalar, put back into its range: clamping the output alone would leave it without a gradient outside."""
        with torch.no_grad():
            self.logit_scale.clamp_(0.0, math.log(100.0))
        return self.logit_scale * 1.0
