"""The stage that trains the text autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from synthmed.autoencoding.kl import free_bits, gaussian_kl
from synthmed.medm2g.losses.beta import CyclicBeta
from synthmed.models.text_vae import Optimus
from synthmed.training.noise import normal_like


class TextVaeObjective(nn.Module):
    """OPTIMUS' loss (Li et al., EMNLP 2020): reconstruction + β · KL with free bits.

    Args:
        optimus: trained.
        beta: the schedule of β, counted in calls in training.
        free_bits_target: nats a dimension that are free.
        length_weighted: divide a text's summed cross-entropy by its number of tokens.
        word_dropout: share of the decoder's input tokens that are replaced by ``unknown``, so that it must look at the
            latent (Bowman et al., CoNLL 2016).
        unknown: the decoder's token for that.

    Raises:
        ValueError: ``word_dropout`` without ``unknown``.
    """

    def __init__(
        self,
        optimus: Optimus,
        beta: CyclicBeta,
        free_bits_target: float = 0.5,
        length_weighted: bool = True,
        word_dropout: float = 0.0,
        unknown: int | None = None,
    ) -> None:
        super().__init__()
        if word_dropout and unknown is None:
            raise ValueError("word_dropout needs the token that stands for an unknown word")
        self.beta, self.target, self.length_weighted = beta, free_bits_target, length_weighted
        self.word_dropout, self.unknown = word_dropout, unknown
        networks: dict[str, Any] = {"optimus": optimus, "calls": _Counter()}
        self.trained = nn.ModuleDict(networks).requires_grad_(True)

    def forward(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``loss``, ``reconstruction`` and ``kl`` (with free bits), in nats, and ``beta``.

        Args:
            batch: ``encoder_ids`` and ``encoder_mask`` (B, L); ``decoder_ids`` and ``decoder_mask`` (B, M) of the same
                texts, each from its first token (BOS) to its last (EOS), then padding.
        """
        optimus: Any = self.trained["optimus"]
        calls: Any = self.trained["calls"]
        ids, mask = batch["decoder_ids"], batch["decoder_mask"]
        posterior = optimus.encode(batch["encoder_ids"], batch["encoder_mask"])
        z = posterior.sample(normal_like(posterior.mean, generator))
        logits = optimus.logits(z, self._dropped(ids[:, :-1], generator), mask[:, :-1])
        errors = F.cross_entropy(logits.transpose(1, 2).float(), ids[:, 1:], reduction="none")
        counted = mask[:, 1:].to(errors.dtype)
        reconstruction = (errors * counted).sum(dim=1)
        if self.length_weighted:
            reconstruction = reconstruction / counted.sum(dim=1).clamp_min(1.0)
        kl = free_bits(gaussian_kl(posterior.mean, posterior.logvar), self.target).mean()
        beta = self.beta.at(int(calls.count))
        if self.training:
            calls.count += 1
        loss = reconstruction.mean() + beta * kl
        return {"loss": loss, "reconstruction": reconstruction.mean(), "kl": kl, "beta": loss.new_tensor(beta)}

    def _dropped(self, ids: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        if not self.word_dropout or self.unknown is None:
            return ids
        draws = torch.rand(ids.shape, generator=generator, device=generator.device).to(ids.device)
        dropped = draws < self.word_dropout
        dropped[:, 0] = False
        return torch.where(dropped, self.unknown, ids)


class _Counter(nn.Module):
    """A number that a checkpoint keeps."""

    count: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
