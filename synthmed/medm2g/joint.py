"""One network call for every latent of a joint sample: conditions, guidance by prompt, guidance by each other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from synthmed.diffusion.process import Process
from synthmed.diffusion.sampler import Latents, Sampler
from synthmed.medm2g.config import Config


@dataclass
class Joint:
    """The denoiser of a joint sample, for `synthmed.diffusion.sampler.sample`.

    A flow that was trained to be guided by another attends to it: to its noisy latent of the same time while both are
    made, V_B([z_t^B, f_B]) of equation 6, or to its clean latent at t = 0 where it is given. Of a given modality f_B
    follows its prompt embedding; of one that is being made it is the free vectors alone.

    Attributes:
        parts: the model's networks.
        config: the model's.
        process: of all flows.
        sampler: guidance and its interval.
        conditions: (B, 1, dim) prompt tokens by flow that is made.
        null: (1, 1, dim), the empty prompt's.
        clean: whole latents of given modalities, by flow, that guide and are not made.
        embeddings: (B, 1, dim) prompt embeddings of given modalities, for f_B.
        known: a made flow's latents of which some groups are given, and which, (B, groups) bool.
        cross: whether flows guide each other at all.
    """

    parts: nn.ModuleDict
    config: Config
    process: Process
    sampler: Sampler
    conditions: Mapping[str, torch.Tensor]
    null: torch.Tensor
    clean: Mapping[str, torch.Tensor] = field(default_factory=dict)
    embeddings: Mapping[str, torch.Tensor] = field(default_factory=dict)
    known: Mapping[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    cross: bool = True
    _said: Latents = field(default_factory=dict, init=False)

    def __call__(self, latents: Latents, t: torch.Tensor) -> Latents:
        """The predictions of all latents at a time, guided."""
        seen = {name: self._with_known(name, latent) for name, latent in latents.items()}
        tokens = self._guidance(seen, t) if self.cross else {}
        return {name: self._guided(name, latent, t, tokens.get(name)) for name, latent in seen.items()}

    def _with_known(self, name: str, latent: torch.Tensor) -> torch.Tensor:
        if name not in self.known:
            return latent
        values, given = self.known[name]
        flow: Any = self.parts[f"flow_{name}"]
        return torch.where(flow.spread(given), values, latent)

    def _guidance(self, latents: Latents, t: torch.Tensor) -> Latents:
        """Each flow's guidance tokens: those of all that guide it, side by side."""
        made = {name: self._context(name, latent, t) for name, latent in latents.items() if self._guides(name, latents)}
        made |= {name: self._clean_context(name, t) for name in self.clean if self._guides(name, latents)}
        tokens: Latents = {}
        for name in latents:
            others = [made[other] for other in made if other != name and self._trained(name, other)]
            if others:
                tokens[name] = torch.cat(others, dim=1)
        return tokens

    def _guides(self, name: str, latents: Latents) -> bool:
        return any(self._trained(name, other) for other in latents if other != name)

    def _trained(self, one: str, other: str) -> bool:
        return (one, other) in self.config.guides or (other, one) in self.config.guides

    def _context(self, name: str, latent: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        encoder: Any = self.parts[f"context_{name}"]
        adaptive: Any = self.parts[f"adaptive_{name}"]
        embedding = self.embeddings.get(name)
        f_b = adaptive.unknown(len(latent)) if embedding is None else adaptive(embedding)
        context: torch.Tensor = encoder(latent, t.expand(len(latent)), f_b)
        return context

    def _clean_context(self, name: str, t: torch.Tensor) -> torch.Tensor:
        """What is given says the same in every step."""
        if name not in self._said:
            self._said[name] = self._context(name, self.clean[name], torch.zeros_like(t))
        return self._said[name]

    def _guided(self, name: str, latent: torch.Tensor, t: torch.Tensor, tokens: torch.Tensor | None) -> torch.Tensor:
        """unconditional + w (conditional - unconditional), both in one call of twice the batch."""
        condition = self.conditions[name]
        given = self.known[name][1] if name in self.known else None
        null = self.null.expand(len(latent), -1, -1)
        # Without a prompt there is nothing to tell apart.
        if not self.sampler.guides(t, self.process) or torch.equal(condition, null):
            return self._call(name, latent, t, condition, given, tokens)
        both = self._call(
            name,
            torch.cat([latent, latent]),
            t,
            torch.cat([null, condition]),
            None if given is None else torch.cat([given, given]),
            # The other modality's latent is part of the state, not of the prompt: it guides both.
            None if tokens is None else torch.cat([tokens, tokens]),
        )
        unconditional, conditional = both.chunk(2)
        return unconditional + self.sampler.guidance * (conditional - unconditional)

    def _call(
        self,
        name: str,
        latent: torch.Tensor,
        t: torch.Tensor,
        condition: torch.Tensor,
        given: torch.Tensor | None,
        tokens: torch.Tensor | None,
    ) -> torch.Tensor:
        flow: Any = self.parts[f"flow_{name}"]
        with ExitStack() as stack:
            if tokens is not None:
                layers: Any = self.parts[f"layers_{name}"]
                stack.enter_context(layers.context(tokens))
            prediction: torch.Tensor = flow.denoise(latent, t.expand(len(latent)), condition, given)
        return prediction
