"""One round of multi-flow training: two flows learn to guide each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import nn

from synthmed.diffusion.process import Process
from synthmed.medm2g.losses.info_nce import info_nce
from synthmed.medm2g.objectives.conditions import choose_condition
from synthmed.medm2g.objectives.guided import Guided
from synthmed.medm2g.objectives.noised import Noised, check_parametrisation, noised
from synthmed.models.flow import LatentFlow
from synthmed.training.noise import chances, normal_like

SIDES = ("a", "b")


class RoundObjective(nn.Module):
    """L_A + L_B of equation 6 of MedM2G: A attends to V_B([z_t^B, f_B]) and B to V_A([z_t^A, f_A]).

    Both are at the same time t, with noise of their own. The flows never change; gradients pass through them to the
    guidance. (CoDi's released code lets each side attend to itself; its paper, and this, do not.)

    Not in the paper, which shows each side to the other as noisy as it is: of some items V sees z_0 at time 0, and C(x)
    may be among the other's prompts, as in translation; of some it sees the side at an earlier time, with noise of its
    own. At the late times that decide what an image shows, noisy sides tell each other so little that V, as it begins,
    only learns to be ignored, from the clean ones too; with earlier ones it learns both (phantom, MRI guided by CT, 250
    steps: the share of the loss that guidance takes away was 0 without, 17 % of clean and 5 % of noisy sides with).

    Args:
        a, b: the sides.
        process: of the flows' parametrisation.
        null: (1, 1, dim), the token of no prompt.
        drop: probability of the null token, and of f without the embedding of a clean side.
        unknown: probability of f without the embedding of a noised side: it tells of the clean x, which joint
            generation cannot know, so that a side that always has it need not look at z_t.
        clean_probability, earlier_probability: of an item's side being shown to the other clean, or as it was at a time
            that is uniform from 0 to its own; else it is shown as it is.
        train: the sides whose V, f and guidance layers change.
        env_contrastive: weight of CoDi's InfoNCE between the two sides' V (the means of their tokens, bare cosines);
            not in MedM2G.

    Raises:
        ValueError: the probabilities exceed 1, ``train`` names no side or an unknown one, a flow predicts something
            else than the process asks for, or widths of tokens differ under ``env_contrastive``.
    """

    null: torch.Tensor

    def __init__(
        self,
        a: Guided,
        b: Guided,
        process: Process,
        null: torch.Tensor,
        drop: float = 0.1,
        unknown: float = 0.5,
        clean_probability: float = 0.0,
        earlier_probability: float = 0.0,
        train: Collection[str] = SIDES,
        env_contrastive: float = 0.0,
    ) -> None:
        super().__init__()
        if clean_probability + earlier_probability > 1:
            raise ValueError(f"clean {clean_probability} and earlier {earlier_probability}: probabilities above 1")
        if not train or not set(train) <= set(SIDES):
            raise ValueError(f"train = {list(train)}: name a, b or both")
        for side in (a, b):
            check_parametrisation(side.flow, process)
        if env_contrastive and a.layers.config["context_dim"] != b.layers.config["context_dim"]:
            raise ValueError("env_contrastive compares tokens; those of the two sides differ in width")
        self.process, self.drop, self.unknown = process, drop, unknown
        self.clean_probability, self.earlier_probability = clean_probability, earlier_probability
        self.env_contrastive = env_contrastive
        self.sides = {"a": a, "b": b}
        parts = {
            f"{part}_{side}": module for side, guided in self.sides.items() for part, module in guided.parts().items()
        }
        chosen = {name: module for name, module in parts.items() if name[-1] in train}
        others = {name: module for name, module in parts.items() if name not in chosen}
        flows: dict[str, Any] = {f"flow_{side}": guided.flow for side, guided in self.sides.items()}
        # In this order: a module that both sides share is trained if either is.
        self.frozen = nn.ModuleDict({**flows, **others}).requires_grad_(False).eval()
        self.trained = nn.ModuleDict(chosen).requires_grad_(True)
        self.register_buffer("null", null.detach().clone(), persistent=False)

    def forward(self, batch: Mapping[str, Any], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``loss``, and of it ``a`` and ``b``, with ``env_contrastive`` too.

        Args:
            batch: ``a`` and ``b``, each with `noised`'s and `choose_condition`'s entries, ``embedding`` (B, 1, dim) of
                C(x) and ``has_embedding`` (B,) bool.
        """
        n, device = len(batch["a"]["mean"]), batch["a"]["mean"].device
        t = self.process.draw_times(n, generator).to(device)
        states = {side: self._noised(batch[side], self.sides[side].flow, t, generator) for side in SIDES}
        clean = {side: chances(n, self.clean_probability, generator, device) for side in SIDES}
        tokens = {side: self._tokens(side, states[side], clean[side], batch[side], generator) for side in SIDES}
        losses = {}
        for side, other in zip(SIDES, reversed(SIDES), strict=True):
            guided = self.sides[side]
            condition = self._condition(batch[side], batch[other], clean[other], generator)
            with guided.layers.context(tokens[other]):
                losses[side] = states[side].loss(guided.flow, condition)
        loss = losses["a"] + losses["b"]
        if self.env_contrastive:
            pooled = [self.sides[side].pooled(tokens[side]) for side in SIDES]
            losses["env_contrastive"] = info_nce(pooled[0], pooled[1], 0.0)
            loss = loss + self.env_contrastive * losses["env_contrastive"]
        return {"loss": loss, **losses}

    def _condition(
        self,
        own: Mapping[str, torch.Tensor],
        other: Mapping[str, torch.Tensor],
        clean: torch.Tensor,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """A side's prompts; an other side that is shown clean is one of them, as it is where images are translated."""
        conditions = torch.cat([own["conditions"], other["embedding"][:, None]], dim=1)
        has = torch.cat([own["has"], (other["has_embedding"] & clean)[:, None]], dim=1)
        return choose_condition(conditions, has, self.null, self.drop, generator)

    def _noised(
        self, batch: Mapping[str, torch.Tensor], flow: LatentFlow, t: torch.Tensor, generator: torch.Generator
    ) -> Noised:
        return noised(self.process, flow, batch, t, torch.zeros_like(batch["present"]), generator)

    def _tokens(
        self,
        side: str,
        state: Noised,
        clean: torch.Tensor,
        batch: Mapping[str, torch.Tensor],
        generator: torch.Generator,
    ) -> torch.Tensor:
        n, device = len(clean), clean.device
        # Of what is left, so that it is as often as it says.
        share = self.earlier_probability / (1 - self.clean_probability) if self.clean_probability < 1 else 0.0
        earlier = chances(n, share, generator, device) & ~clean
        s = (state.t * torch.rand(n, generator=generator, device=generator.device).to(device)).long()
        before = self.process.add_noise(state.z_0, normal_like(state.z_0, generator), s)
        wide = (-1, *[1] * (state.z_t.ndim - 1))
        shown = torch.where(earlier.reshape(wide), before, state.z_t)
        shown = torch.where(clean.reshape(wide), state.z_0, shown)
        times = torch.where(clean, 0, torch.where(earlier, s, state.t))
        hidden = torch.where(
            clean,
            chances(n, self.drop, generator, device),
            chances(n, self.unknown, generator, device),
        )
        known = batch["has_embedding"] & ~hidden
        return self.sides[side].tokens(shown, times, batch["embedding"], known)
