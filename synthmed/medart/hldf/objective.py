"""What Med-Art's training minimises: the diffusion loss, and now and then the colours of a generated image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import nn
from torch.utils.checkpoint import checkpoint

from synthmed.errors import UserError
from synthmed.medart.encode import encode_prompts
from synthmed.medart.hldf.colour import ColourStep, colour_loss, colour_statistics
from synthmed.medart.hldf.guided import Guided
from synthmed.medart.hldf.trajectory import trajectory
from synthmed.medart.latents import decode, scaled
from synthmed.training.noise import chances, normal_like


class MedArtObjective(nn.Module):
    """L_HLDF (2506.20449): mean squared error of ε, and every N steps the colour loss with the weight 1/M.

    t is uniform over the steps of DDPM, whose betas are the scheduler's: PixArt's linear 1e-4 to 0.02. Those of the two
    networks that have a parameter to train go into ``trained``: peft models, or whole networks when a base is trained.

    Args:
        transformer: diffusers' `PixArtTransformer2DModel`, or a peft model of one; C in, C or 2 C channels out, of
            which the first C are ε. Its own block checkpointing nests in that of the colour step.
        text_encoder: transformers' `T5EncoderModel`, or a peft model of one.
        vae: `AutoencoderKL` or one with its methods; frozen. Latents are (z - shift_factor) · scaling_factor.
        scheduler: the sampler's, of ε prediction.
        null_ids: (1, L), the empty prompt's tokens, and
        null_mask: (1, L), their mask.
        colour: when and how colours are compared.
        drop: probability that a caption is the empty one: 0 in the paper, above 0 where a base learns guidance.

    Raises:
        UserError: the scheduler is for another prediction than ε.
    """

    null_ids: torch.Tensor
    null_mask: torch.Tensor

    def __init__(
        self,
        transformer: nn.Module,
        text_encoder: nn.Module,
        vae: nn.Module,
        scheduler: DPMSolverMultistepScheduler,
        null_ids: torch.Tensor,
        null_mask: torch.Tensor,
        colour: ColourStep,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        settings: Any = scheduler.config  # type: ignore[attr-defined]  # which diffusers does not declare
        if (prediction := settings["prediction_type"]) != "epsilon":
            raise UserError(f"scheduler: prediction_type is {prediction}; Med-Art's networks predict epsilon")
        networks = {"transformer": transformer, "text_encoder": text_encoder}
        trains = {
            name: any(weight.requires_grad for weight in network.parameters()) for name, network in networks.items()
        }
        self.trained = nn.ModuleDict({name: network for name, network in networks.items() if trains[name]})
        frozen = {name: network for name, network in networks.items() if not trains[name]}
        self.frozen = nn.ModuleDict({**frozen, "vae": vae.requires_grad_(False)}).eval()
        self.scheduler, self.colour, self.drop = scheduler, colour, drop
        self.process = DDPMScheduler.from_config(settings)
        self.register_buffer("null_ids", null_ids.detach().clone(), persistent=False)
        self.register_buffer("null_mask", null_mask.detach().clone(), persistent=False)
        self._step = 0
        self._inside = colour.every > 0 and colour.checkpoint and _checkpoints_inside(vae)

    def begin_step(self, step: int) -> None:
        """The loop's word that ``step`` steps are done; before the first, 0 are."""
        self._step = step

    def forward(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``loss`` and ``diffusion``; ``colour``, without its weight, where the step has one.

        Where a step has several parts, each has its colour loss: their mean is that of a larger colour batch.

        Args:
            batch: ``ids`` and ``mask`` (B, L); ``image`` (B, C, H, W) in [-1, 1], or ``posterior`` (B, 2 C, h, w): the
                autoencoder's mean and log-variance, not scaled. A colour step compares with ``image``, or with
                ``colours`` (B, 2, C), `colour_statistics` of it.
            generator: what it gives is the same with a colour loss and without, so that the diffusion losses of this
                part and the next do not depend on it.
        """
        z = self._latents(batch, generator)
        noise = normal_like(z, generator)
        t = torch.randint(len(self.process.betas), (len(z),), generator=generator, device=generator.device).to(z.device)
        ids, mask = self._captions(batch, generator)
        embeds, mask = encode_prompts(self._network("text_encoder"), ids, mask)
        predict = Guided(self._network("transformer"), embeds, mask, None, None, guidance=1)
        noisy: Any = self.process.add_noise(z, noise, t)
        losses = {"diffusion": F.mse_loss(predict(noisy, t).float(), noise.float())}
        loss = losses["diffusion"]
        seed = torch.randint(2**62, (), generator=generator, device=generator.device)
        if self.colour.due(self._step):
            own = torch.Generator(generator.device).manual_seed(int(seed))
            losses["colour"] = self._colour(batch, z, own)
            loss = loss + losses["colour"] / self.colour.steps
        return {"loss": loss, **losses}

    def _network(self, name: str) -> Any:
        return self.trained[name] if name in self.trained else self.frozen[name]

    def _latents(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        vae: Any = self.frozen["vae"]
        with torch.no_grad():
            if "posterior" in batch:
                posterior = DiagonalGaussianDistribution(batch["posterior"])
            else:
                posterior = vae.encode(batch["image"]).latent_dist
            return scaled(vae, posterior.mean + posterior.std * normal_like(posterior.mean, generator))

    def _captions(
        self, batch: Mapping[str, torch.Tensor], generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ids, mask = batch["ids"], batch["mask"]
        if not self.drop:
            return ids, mask
        dropped = chances(len(ids), self.drop, generator, ids.device)[:, None]
        return torch.where(dropped, self.null_ids, ids), torch.where(dropped, self.null_mask, mask)

    def _colour(self, batch: Mapping[str, torch.Tensor], z: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """The colour loss of the batch's first items, generated from fresh noise for their captions."""
        colour, n = self.colour, min(self.colour.batch, len(z))
        ids, mask = batch["ids"][:n], batch["mask"][:n]
        if colour.guidance != 1:
            ids, mask = torch.cat([ids, self.null_ids]), torch.cat([mask, self.null_mask])
        # Once a colour step, for all its times; the empty prompt once for all its items.
        embeds, mask = encode_prompts(self._network("text_encoder"), ids, mask)
        null_embeds, null_mask = (embeds[n:], mask[n:]) if colour.guidance != 1 else (None, None)
        predict = Guided(
            self._network("transformer"),
            embeds[:n],
            mask[:n],
            null_embeds,
            null_mask,
            colour.guidance,
            calls=colour.calls,
            checkpoint=colour.checkpoint,
        )
        z_0 = trajectory(predict, normal_like(z[:n], generator), self.scheduler, colour.steps, last=colour.last)
        generated = colour_statistics(self._decoded(z_0).float())
        real = batch["colours"][:n] if "colours" in batch else colour_statistics(batch["image"][:n].float())
        return colour_loss(generated, real.to(generated), colour.reduction)

    def _decoded(self, z: torch.Tensor) -> torch.Tensor:
        """Images (B, C, H, W) of latents in the transformer's scale, not clamped."""
        vae = self.frozen["vae"]
        if self.colour.checkpoint and not self._inside:
            image: torch.Tensor = checkpoint(decode, vae, z, use_reentrant=False)
            return image
        return decode(vae, z)


def _checkpoints_inside(vae: Any) -> bool:
    """Turn on the autoencoder's own checkpoints, block by block, if it has such."""
    try:
        vae.enable_gradient_checkpointing()
    except ValueError:  # diffusers' way to say that a model has none
        return False
    return True
