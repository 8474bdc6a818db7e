"""A PixArt transformer under classifier-free guidance, as a function of the latent and the time alone."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint as checkpointed


class Guided:
    """ε̂ = ε(z, ∅) + w (ε(z, c) - ε(z, ∅)) (Ho and Salimans, 2207.12598), as `PixArtAlphaPipeline` has it.

    Guidance works on all output channels; then the first C of them are taken (the rest is the learned variance).
    Gradients reach the transformer and both prompts.

    Args:
        transformer: diffusers' `PixArtTransformer2DModel`, or a peft model of one.
        embeds: (B, L, D) the prompts.
        mask: (B, L), 1 for a token and 0 for padding.
        null_embeds: (B, L, D) or (1, L, D), the empty prompt; None is enough where ``guidance`` is 1.
        null_mask: (B, L) or (1, L).
        guidance: w; 1 makes one call without the empty prompt.
        calls: 1 is both halves in one batch; 2 is one after the other.
        checkpoint: keep no activation of a call but its input, and run it again in the backward pass. Each call by
            itself, so that two calls halve what is alive at once. The transformer's own block checkpointing nests.
            Gradients come by ``backward()`` alone, not by `torch.autograd.grad`.

    Raises:
        ValueError: ``guidance`` is not 1 and there is no empty prompt, or ``calls`` is neither 1 nor 2.
    """

    def __init__(
        self,
        transformer: nn.Module,
        embeds: torch.Tensor,
        mask: torch.Tensor,
        null_embeds: torch.Tensor | None,
        null_mask: torch.Tensor | None,
        guidance: float,
        calls: Literal[1, 2] = 1,
        checkpoint: bool = False,
    ) -> None:
        if calls not in (1, 2):
            raise ValueError(f"calls is {calls}, not 1 or 2")
        self.transformer, self.guidance, self.checkpoint = transformer, guidance, checkpoint
        self.weights = {name: value for name, value in transformer.named_parameters() if value.requires_grad}
        prompts = [(embeds, mask)]
        if guidance != 1:
            if null_embeds is None or null_mask is None:
                raise ValueError(f"guidance {guidance} needs the empty prompt")
            prompts.insert(0, (null_embeds.expand_as(embeds), null_mask.expand_as(mask)))
        # Joined here, not at each step: a checkpointed step keeps its inputs, and this one is then kept once.
        self.prompts = [(_joined(prompts, 0), _joined(prompts, 1))] if calls == 1 else prompts

    def __call__(self, z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The guided ε prediction (B, C, h, w).

        Args:
            z: (B, C, h, w).
            t: a scalar, or (B,): the time on the scale of training.
        """
        outputs = torch.cat([self._call(z, t, *prompt) for prompt in self.prompts])
        if self.guidance != 1:
            unconditional, conditional = outputs.chunk(2)
            outputs = unconditional + self.guidance * (conditional - unconditional)
        return outputs[:, : z.shape[1]]

    def _call(self, z: torch.Tensor, t: torch.Tensor, embeds: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        halves = len(embeds) // len(z)
        batch, t = torch.cat([z] * halves), t.expand(len(z)).repeat(halves)
        # Reentrant, which leaves one node a call. The other kind leaves a call's whole graph, if without activations:
        # small objects that stay between freed activations, so that the heap grew by 20 MiB a step where a call has
        # 42 MiB of activations. Reentrant gives gradients to arguments only; so the weights are such.
        if self.checkpoint and torch.is_grad_enabled():
            out: torch.Tensor = checkpointed(
                self._run, t, mask, batch, embeds, *self.weights.values(), use_reentrant=True
            )
            return out
        return self._run(t, mask, batch, embeds, *self.weights.values())

    def _run(
        self, t: torch.Tensor, mask: torch.Tensor, z: torch.Tensor, embeds: torch.Tensor, *weights: torch.Tensor
    ) -> torch.Tensor:
        """The transformer's output for as many latents as prompts, with these weights in the place of its own."""
        arguments: dict[str, Any] = {
            "encoder_hidden_states": embeds,
            "encoder_attention_mask": mask,
            "timestep": t,
            "added_cond_kwargs": {"resolution": None, "aspect_ratio": None},
            "return_dict": False,
        }
        own = dict(zip(self.weights, weights, strict=True))
        output: torch.Tensor = functional_call(self.transformer, own, (z,), arguments)[0]
        return output


def _joined(prompts: list[tuple[torch.Tensor, torch.Tensor]], part: int) -> torch.Tensor:
    return torch.cat([prompt[part] for prompt in prompts])
